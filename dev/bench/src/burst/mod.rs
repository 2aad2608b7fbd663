//! `cargo dev bench burst`: how long messages wait for the call to Gemini when many arrive at once.
//!
//! The messages are sent while the event source mapping is stopped. The clock starts with it. Each
//! message has its own chatroom, because messages of one chatroom are answered in order. The result
//! is compared with an ideal schedule, in which only Gemini takes time.

mod ideal_schedule;
mod outcome;

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use harness::{SentMessage, Suite, TestEnvironment, TestUser};
use serde_json::json;
use stack::functions::WORKER;
use stack::progress::print;
use stack::services::event_source_mapping;
use stack::template::Template;

use self::ideal_schedule::IdealSchedule;
use self::outcome::BurstOutcome;
use crate::{Benchmark, Mode, report};

/// Concurrent invocations of the worker.
const CONCURRENCY: usize = 5;

/// Of one burst.
const TIMEOUT: Duration = Duration::from_mins(5);

/// Rate limits and timeouts must not delay a message, even on a busy machine.
const VARIABLES: [(&str, &str); 3] = [
    ("WORKER_CONCURRENCY", "5"),
    ("GEMINI_REQUESTS_PER_MINUTE", "100000000"),
    ("GEMINI_TIMEOUT_MS", "20000"),
];

/// Measures batches of one and of the deployed size, and the latter with a slower Gemini too: a
/// loss through CPU contention does not grow with Gemini's latency, a loss through waiting in line
/// does. Returns whether each message was answered exactly once.
pub(crate) async fn run(suite: &Suite, mode: Mode) -> Result<bool> {
    let environment = crate::start(suite, Benchmark::Burst, &VARIABLES).await?;
    // No message may become visible again while it is processed.
    environment.set_visibility_timeout(600).await?;
    let (users, messages_per_user) = mode.of((5, 20), (20, 50));
    let users = try_join_all((0..users).map(|_| TestUser::sign_up(&environment))).await?;
    let deployed = Template::read(suite.home.root())?.event_source(WORKER)?.batch_size;
    let (mut are_complete, mut schedules, mut cpu_times) = (true, Vec::new(), Vec::new());
    for (batch_size, gemini_ms) in [(1, 200), (deployed, 200), (deployed, 1_000)] {
        let sent = send_messages(&environment, &users, messages_per_user).await?;
        let count = sent.len();
        print(format_args!("  {count} messages in batches of {batch_size}, Gemini latency {gemini_ms} ms\n"));
        let outcome = burst(&environment, &sent, batch_size, gemini_ms).await?;
        if let Some(error) = outcome.error {
            print(format_args!("  {error}\n"));
            are_complete = false;
        }
        schedules.push(outcome.schedule);
        cpu_times.push(outcome.cpu);
    }
    print(report::markdown(&schedules) + &report::markdown(&cpu_times));
    if mode == Mode::Full {
        let json = json!({ "bursts": report::json(&schedules), "cpu_times": report::json(&cpu_times) });
        report::write_json(&suite.home, "burst.json", &json)?;
    }
    Ok(are_complete)
}

async fn burst(
    environment: &TestEnvironment,
    sent: &[SentMessage],
    batch_size: usize,
    gemini_ms: u64,
) -> Result<BurstOutcome> {
    environment.mocks.gemini("latency", &json!({ "ms": gemini_ms })).await?;
    let latency = Duration::from_millis(gemini_ms);
    let ideal = IdealSchedule { messages: sent.len(), concurrency: CONCURRENCY, batch_size, latency };
    drop(environment.lambda.take_times(WORKER));
    let (calls, cpu) = (environment.gemini.count(), outcome::cpu_times(environment)?);
    let begun = environment.db.value("SELECT clock_timestamp()", &[]).await?;
    environment.start_worker_with_batch_size(batch_size).await?;
    environment.wait_until_all_done(TIMEOUT).await.context("a burst")?;
    let cpu = outcome::cpu_times(environment)?.since(&cpu);
    let invocations = environment.lambda.take_times(WORKER);
    event_source_mapping::stop(&environment.home).await?;
    let calls = environment.gemini.count() - calls;
    outcome::read(environment, sent, ideal, begun, (calls, invocations, cpu)).await
}

/// Sends one message to each of `messages_per_user` new chatrooms of each user.
async fn send_messages(
    environment: &TestEnvironment,
    users: &[TestUser],
    messages_per_user: usize,
) -> Result<Vec<SentMessage>> {
    let of_user = users.iter().map(|user| async {
        let rooms = user.create_chatrooms(environment, messages_per_user).await?;
        try_join_all(rooms.iter().map(|room| user.send_message(environment, room))).await
    });
    Ok(try_join_all(of_user).await?.concat())
}
