//! The functions of the release before beside those of this one, on this one's schema and on queue
//! messages of both: during a deployment, after a rollback, and after the next deployment.

mod chat;
mod mix;
mod operators;

use std::cell::Cell;

use harness::{PreviousRelease, previous_release};

use self::chat::{ChatUser, delete_accounts};
use self::mix::{Mix, Serving};
use crate::prelude::*;

const KILL_INTERVAL: Duration = Duration::from_millis(600);
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// A worker of the release before holds a lease for 17 seconds here.
const MAX_WAIT: Duration = Duration::from_mins(3);
const MAX_ATTEMPTS: i32 = 20;
/// Time of a call to Gemini, during which workers are killed and messages cancelled.
const LATENCY_MS: u64 = 150;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let (users, rooms, rounds, kills) = suite.scale.of((6, 6, 12, 8), (2, 3, 4, 2));
    let programs = previous_release::build(suite).await?;
    let max_attempts = MAX_ATTEMPTS.to_string();
    let overrides = [("MESSAGE_MAX_ATTEMPTS", max_attempts.as_str()), ("GEMINI_BREAKER_FAILURES", "1000")];
    let run = Run::start(suite, "versions-mix", &overrides).await?;
    run.mocks.gemini("latency", &json!({ "ms": LATENCY_MS })).await?;
    let previous = PreviousRelease::start(&run, programs).await?;
    let mix = Mix::new(&run, previous);
    let users = try_join_all((0..users).map(|_| ChatUser::sign_up(&mix, rooms))).await?;
    let operator = TestUser::sign_up(&mix).await?;
    run.make_admin(&operator).await?;

    // A deployment: both releases at once.
    operators::sweep_dead_letters(&mix, &operator, MAX_ATTEMPTS).await?;
    run.start_worker().await?;
    mix.previous.start_worker(&run).await?;
    load(&mix, &users, rounds, kills).await?;
    let redriven = operators::retry_and_dismiss(&mix, &operator).await?;
    let before = send_before_rollback(&mix, &users).await?;
    let waiting = before.answers;

    // A rollback: the release before alone, with work that this release has accepted.
    mix.serving.set(Serving::Previous);
    for (user, failed) in users.iter().zip(&before.failed) {
        user.retry_failed(&mix, failed).await?;
    }
    mix.previous.start_worker(&run).await?;
    load(&mix, &users, rounds, kills).await?;
    wait_until_answered_by_previous(&mix).await?;
    mix.previous.stop_worker(&run).await?;

    // The next deployment.
    mix.serving.set(Serving::Current);
    run.start_worker().await?;
    load(&mix, &users, rounds, kills).await?;
    run.recovered_within(finish_all(&run).await?);

    mix.check_failures();
    run.check_deadlocks().await?;
    run.check_invariants().await?;
    run.check_answers_of_generations().await?;
    check_tokens(&run, users.len()).await?;
    for chat in &users {
        let sent = chat.sent.take();
        run.check_answers(&sent).await?;
        check_quota(&run, chat).await?;
        operators::compare(&mix, &chat.user, &chat.rooms).await?;
    }
    run.check_answers(&redriven).await?;
    let sum = |count: fn(&ChatUser) -> usize| users.iter().map(count).sum::<usize>();
    let (cancelled, retries) = (sum(|user| user.cancelled.get()), sum(|user| user.retried.get()));
    check!(
        run,
        cancelled > 0 && retries > 0,
        "{cancelled} messages cancelled, {retries} retried: not tested"
    );
    run.observe(format!("{cancelled} messages cancelled, {retries} retried"));
    run.done(format!(
        "{} users in {rooms} chatrooms each; both releases at once, then the one before alone with {waiting} \
         answers waiting, then this one alone; {kills} SIGKILLs of busy workers in each phase",
        users.len()
    ))
}

/// Lets the users chat until `kills` workers were killed while busy. The sweepers run meanwhile.
async fn load(mix: &Mix<'_>, users: &[ChatUser], rounds: usize, kills: usize) -> Result<()> {
    let killed = Cell::new(0);
    let work = async {
        loop {
            let chats = try_join_all(users.iter().map(|user| user.chat(mix, rounds)));
            tokio::try_join!(chats, delete_accounts(mix, 1 + rounds / 4))?;
            if killed.get() >= kills {
                return anyhow::Ok(());
            }
        }
    };
    let kill = async {
        loop {
            sleep(KILL_INTERVAL).await;
            if killed.get() < kills && mix.kill_worker(killed.get()).await {
                killed.set(killed.get() + 1);
            }
        }
    };
    let sweep = async {
        loop {
            sleep(SWEEP_INTERVAL).await;
            if let Err(error) = mix.sweep().await {
                return error;
            }
        }
    };
    tokio::select! { done = work => done?, error = sweep => return Err(error), never = kill => never }
    Ok(())
}

/// The answers that are not finished.
const WAITING: &str = "SELECT count(*) FROM generations WHERE status IN ('pending', 'processing')";

/// What this release has accepted before the rollback.
#[derive(Default)]
struct BeforeRollback {
    /// How many of its answers wait for a worker of the release before.
    answers: i64,
    /// Of each user a message whose answer has failed.
    failed: Vec<SentMessage>,
}

/// Stops all workers, and sends messages, corrected ones and requests for second answers by this
/// release.
async fn send_before_rollback(mix: &Mix<'_>, users: &[ChatUser]) -> Result<BeforeRollback> {
    mix.previous.stop_worker(mix.run).await?;
    mix.serving.set(Serving::Current);
    let mut before = BeforeRollback::default();
    let mut answered = Vec::new();
    for user in users {
        let room = user.user.create_chatroom(mix).await?;
        answered.push(user.send(mix, &room, &unique("message")).await?);
        let room = user.user.create_chatroom(mix).await?;
        before.failed.push(user.send_refused(mix, &room).await?);
    }
    finish_all(mix.run).await?;
    mix.run.stop_worker().await?;
    for (user, message) in users.iter().zip(&answered) {
        user.regenerate(mix, message).await?;
        let room = user.user.create_chatroom(mix).await?;
        let first = user.send(mix, &room, &unique("message")).await?;
        user.edit(mix, &first).await?;
        count_tokens(mix.run, &first).await?;
    }
    before.answers = mix.run.db.value(WAITING, &[]).await?;
    Ok(before)
}

/// The tokens of an attempt of this release that stored no answer.
const EARLIER_TOKENS: i32 = 1_000;

async fn count_tokens(run: &Run, sent: &SentMessage) -> Result<()> {
    const SQL: &str = "UPDATE generations SET prompt_tokens = $2, response_tokens = $2 WHERE id = $1";
    run.db.execute(SQL, &[&sent.id, &EARLIER_TOKENS]).await.map(drop)
}

/// Checks that the answer of the release before has added its tokens to those of earlier attempts.
async fn check_tokens(run: &Run, expected: usize) -> Result<()> {
    const SQL: &str = "SELECT count(*) FROM generations g JOIN messages a ON a.generation_id = g.id
        WHERE g.prompt_tokens = a.prompt_tokens + $1 AND g.response_tokens = a.response_tokens + $1";
    let count: i64 = run.db.value(SQL, &[&EARLIER_TOKENS]).await?;
    check!(run, usize::try_from(count)? == expected, "{count} of {expected} generations count all tokens");
    Ok(())
}

/// Waits until the release before has answered everything, also what this release has accepted.
async fn wait_until_answered_by_previous(mix: &Mix<'_>) -> Result<()> {
    let are_done = async || {
        mix.previous.sweep().await?;
        Ok(mix.run.db.value::<i64>(WAITING, &[]).await? == 0)
    };
    wait_until("the release before has answered everything", MAX_WAIT, are_done).await.map(drop)
}

/// Waits until this release has answered everything.
async fn finish_all(run: &Run) -> Result<Duration> {
    run.sweep().await?;
    run.wait_until_all_done(MAX_WAIT).await
}

/// Checks that the quota has counted each accepted request, except for the refunded ones.
async fn check_quota(run: &Run, chat: &ChatUser) -> Result<()> {
    const SQL: &str = "SELECT coalesce(sum(messages), 0)::bigint, coalesce(sum(refunds), 0)::bigint
        FROM daily_usage d JOIN users u ON u.id = d.user_id WHERE u.mobile_number = $1";
    let row = run.db.query_one(SQL, &[&chat.user.number]).await?;
    let (used, refunds, charged): (i64, i64, _) = (row.get(0), row.get(1), chat.charged.get());
    check!(run, used + refunds == charged, "{charged} accepted, {used} counted, {refunds} refunded");
    Ok(())
}
