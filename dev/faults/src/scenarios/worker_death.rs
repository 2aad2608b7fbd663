//! Workers killed at four points of one message, and midway through a batch. Their messages are
//! then redelivered to others.

use futures::future::try_join;
use harness::instrumented_instance::{CLAIM, COMPLETE, DONE};
use harness::proxy::Side;

use crate::prelude::*;

const CONCURRENCY: usize = 4;
const BATCH: usize = 10;
/// So many that no user has three answers under way, the maximum: a killed worker holds its lease
/// for some seconds.
const USERS: usize = 20;
/// The number of messages of the batch that are answered by then. The calls for the others are
/// repeated once.
const ANSWERED: i64 = 8;
/// How long messages stay invisible, in seconds. A worker shortens it to its lease.
const HIDDEN: u32 = 600;
const MAX_WAIT: Duration = Duration::from_secs(20);

/// Where a worker is killed: when its connection to Postgres has passed these points, or, without
/// points, when it has called Gemini.
const POINTS: [(&str, &[(Side, &str)]); 4] = [
    ("before the claim", &[CLAIM]),
    ("during the call to Gemini", &[]),
    ("before the commit", &[COMPLETE]),
    ("after the commit", &[COMPLETE, DONE]),
];

/// The messages that a killed worker had received.
struct Received {
    items: Vec<Value>,
    sent: Vec<SentMessage>,
}

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let each = suite.scale.of(20, 2);
    let run = Run::start(suite, "worker-death", &[]).await?;
    // The messages stay invisible until all workers are dead.
    run.set_visibility_timeout(HIDDEN).await?;
    let users = try_join_all((0..USERS).map(|_| TestUser::sign_up(&run))).await?;
    let kills: Vec<_> = POINTS.into_iter().flat_map(|point| vec![point; each]).collect();
    let count = kills.len() + each;

    let single = stream::iter(kills.into_iter().zip(users.iter().cycle()));
    let single = single.map(|((name, points), user)| kill_at(&run, user, name, points));
    let mut received: Vec<Received> = single.buffer_unordered(CONCURRENCY).try_collect().await?;
    for batch in 0..each {
        // The last two of a batch stay unanswered.
        let users: Vec<&TestUser> = users.iter().cycle().skip(batch * 2).take(BATCH).collect();
        received.push(kill_in_batch(&run, &users).await?);
    }

    let items: Vec<Value> = received.iter().flat_map(|received| received.items.clone()).collect();
    run.make_visible(&items).await?;
    run.set_visibility_timeout(4).await?;
    run.start_worker().await?;
    let recovery = run.wait_until_all_done(Duration::from_mins(3)).await?;

    let sent: Vec<SentMessage> = received.into_iter().flat_map(|received| received.sent).collect();
    run.recovered_within(recovery);
    run.check_answers(&sent).await?;
    let extra = run.extra_calls();
    check!(run, extra <= count, "{extra} extra calls to Gemini, more than {count}");
    run.done(format!(
        "{count} SIGKILLs: {each} each before the claim, during the call to Gemini, before the commit, after the \
         commit, in a batch of {BATCH}"
    ))
}

async fn kill_at(
    run: &Run,
    user: &TestUser,
    name: &str,
    points: &[(Side, &'static str)],
) -> Result<Received> {
    let (chatroom, text) = (user.create_chatroom(run).await?, unique("message"));
    if points.is_empty() {
        run.mocks.script(&text, json!([{"kind": "answer", "delay_ms": 1_500}])).await?;
    }
    let sent = user.send_text(run, &chatroom, &text).await?;
    let items = vec![run.receive_message(&sent).await?];
    let worker = InstrumentedInstance::start(run, "worker").await?;
    let delivery = run.delivery(&items)?;
    if points.is_empty() {
        let is_called = async || Ok(run.gemini.calls(&sent.text) > 0);
        let called = async { wait_until("Gemini is called", MAX_WAIT, is_called).await.map(drop) };
        worker.kill_at(delivery, called).await
    } else {
        worker.kill_at(delivery, worker.pause_postgres_at(points)).await
    }
    .with_context(|| format!("killing a worker {name}"))?;
    run.hide(&items, HIDDEN).await?;
    if points.contains(&DONE) {
        let outcome = run.outcome(sent.id).await?;
        ensure!(outcome.starts_with("completed"), "the message is {outcome} after the commit");
    }
    Ok(Received { items, sent: vec![sent] })
}

/// Kills a worker with a batch of one message of each user.
async fn kill_in_batch(run: &Run, users: &[&TestUser]) -> Result<Received> {
    let mut sent = Vec::new();
    for (place, user) in users.iter().enumerate() {
        let (chatroom, text) = (user.create_chatroom(run).await?, unique("message"));
        let delay_ms = if i64::try_from(place)? < ANSWERED { 0 } else { 1_500 };
        run.mocks.script(&text, json!([{"kind": "answer", "delay_ms": delay_ms}])).await?;
        sent.push(user.send_text(run, &chatroom, &text).await?);
    }
    let receive = try_join_all(sent.iter().map(|message| run.receive_message(message)));
    let (items, worker) = try_join(receive, InstrumentedInstance::start(run, "worker")).await?;
    let ids: Vec<Uuid> = sent.iter().map(|message| message.id).collect();
    let are_answered = async || {
        const SQL: &str =
            "SELECT count(*) >= $2 FROM messages WHERE id = ANY($1) AND processing_status = 'completed'";
        run.db.value(SQL, &[&ids, &ANSWERED]).await
    };
    let answered = async { wait_until("some are answered", MAX_WAIT, are_answered).await.map(drop) };
    worker.kill_at(run.delivery(&items)?, answered).await.context("killing a worker in a batch")?;
    run.hide(&items, HIDDEN).await?;
    Ok(Received { items, sent })
}
