//! Workers killed while they write an answer and a client reads it: the client must see `restart`,
//! and then the whole text of one attempt, the one that is stored.

use crate::prelude::*;

const CONCURRENCY: usize = 4;
/// So many that no user has three answers under way, the maximum: a killed worker holds its lease
/// for some seconds.
const USERS: usize = 20;
/// How long messages stay invisible, in seconds. A worker shortens it to its lease.
const HIDDEN: u32 = 600;

/// A message whose first worker was killed.
struct Interrupted {
    item: Value,
    sent: SentMessage,
    /// Was connected when the worker died.
    reader: Reader,
    /// Gemini's answers to the first and to the second call.
    answers: [String; 2],
}

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let kills: usize = suite.scale.of(50, 4);
    let run = Run::start(suite, "stream-worker-kills", &[("GEMINI_TIMEOUT_MS", "20000")]).await?;
    // The messages stay invisible until all workers are dead.
    run.set_visibility_timeout(HIDDEN).await?;
    // Each open stream occupies an instance.
    run.lambda.add_concurrency("stream", kills);
    let users = try_join_all((0..USERS).map(|_| TestUser::sign_up(&run))).await?;
    let kill = |(number, user)| kill_in_mid_text(&run, user, number, kills);
    let interrupted = stream::iter((0..kills).zip(users.iter().cycle())).map(kill);
    let mut interrupted: Vec<Interrupted> = interrupted.buffer_unordered(CONCURRENCY).try_collect().await?;

    let items: Vec<Value> = interrupted.iter().map(|message| message.item.clone()).collect();
    run.make_visible(&items).await?;
    run.set_visibility_timeout(4).await?;
    run.start_worker().await?;
    let readers = try_join_all(interrupted.iter_mut().map(|message| message.reader.finish()));
    let (recovery, _) = tokio::try_join!(run.wait_until_all_done(Duration::from_mins(3)), readers)?;
    run.recovered_within(recovery);

    let mut shown = Vec::new();
    for message in &interrupted {
        run.check_reader("a reader", &message.reader, message.sent.id).await?;
        let restarts = message.reader.answer.restarts;
        check!(run, restarts == 1, "a reader saw {restarts} restarts after one death of a worker");
        shown.push(check_live_text(&run, message).await?);
    }
    let sent: Vec<SentMessage> = interrupted.into_iter().map(|message| message.sent).collect();
    run.check_answers(&sent).await?;
    run.check_invariants().await?;
    let extra = run.extra_calls();
    check!(run, extra <= kills, "{extra} extra calls to Gemini, more than {kills}");
    shown.sort_unstable();
    let (least, most) =
        (shown.first().copied().unwrap_or_default(), shown.last().copied().unwrap_or_default());
    run.observe(format!("killed with {least} to {most} bytes of an answer shown"));
    run.done(format!("{kills} SIGKILLs of workers in mid-answer"))
}

/// Kills a worker once a client has read a part of the answer: a larger part with each `number`.
async fn kill_in_mid_text(run: &Run, user: &TestUser, number: usize, kills: usize) -> Result<Interrupted> {
    let (room, text) = (user.create_chatroom(run).await?, unique("message"));
    let answers = ["first ", "second "].map(|word| word.repeat(600));
    let steps = json!([
        {"kind": "answer", "text": answers[0], "duration_ms": 6_000},
        {"kind": "answer", "text": answers[1], "duration_ms": 400},
    ]);
    run.mocks.script(&text, steps).await?;
    let sent = user.send_text(run, &room, &text).await?;
    let item = run.receive_message(&sent).await?;
    let worker = InstrumentedInstance::start(run, "worker").await?;
    let mut reader = Reader::new(run, user, sent.id);
    let is_read = reader.read_text(answers[0].len() * number / kills / 2);
    let delivery = run.delivery(std::slice::from_ref(&item))?;
    worker.kill_at(delivery, is_read).await.context("killing a worker in mid-answer")?;
    run.hide(std::slice::from_ref(&item), HIDDEN).await?;
    Ok(Interrupted { item, sent, reader, answers })
}

/// Checks what is in Redis, and returns the bytes that the killed worker had shown.
async fn check_live_text(run: &Run, message: &Interrupted) -> Result<usize> {
    const STORED: &str = "SELECT content FROM messages WHERE reply_to = $1";
    let stored: String = run.db.value(STORED, &[&message.sent.id]).await?;
    let attempts = run.live_text(message.sent.id).await?;
    let [killed, .., last] = attempts.as_slice() else {
        check!(run, false, "{} attempts are in the live text", attempts.len());
        return Ok(0);
    };
    let [first, second] = &message.answers;
    check!(run, stored == *second, "the stored answer is not that of the second call");
    check!(run, last.text == stored, "{} of {} bytes are in the live text", last.text.len(), stored.len());
    check!(run, last.end.as_deref() == Some("end completed"), "the live text ends with {:?}", last.end);
    let is_partial =
        !killed.text.is_empty() && killed.text.len() < first.len() && first.starts_with(&killed.text);
    check!(
        run,
        is_partial && killed.end.is_none(),
        "the killed worker has shown {} bytes",
        killed.text.len()
    );
    check!(run, killed.fence < last.fence, "fence {} follows {}", last.fence, killed.fence);
    Ok(killed.text.len())
}
