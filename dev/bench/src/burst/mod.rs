//! `cargo dev bench burst`: how long messages wait for the call to Gemini when many arrive at once.
//!
//! The messages are sent while the event source mapping is stopped. The clock starts with it. Each message has its own chatroom,
//! because messages of one chatroom are answered in order. The result is compared with an ideal schedule, in which only Gemini
//! takes time.

mod cpu_time;
mod ideal_schedule;
mod outcome;

use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use futures::future::try_join_all;
use harness::Suite;
use harness::person::{Person, Sent};
use harness::world::World;
use serde_json::json;
use stack::functions::WORKER;
use stack::progress::say;
use stack::services::pump;
use stack::template::Template;

use self::ideal_schedule::IdealSchedule;
use self::outcome::BurstOutcome;
use crate::{Benchmark, Mode, report};

/// Concurrent invocations of the worker.
const CONCURRENCY: usize = 5;

/// Timeout of a burst.
const TIMEOUT: Duration = Duration::from_mins(5);

/// Variables of the functions. Rate limits and timeouts must not delay a message, even on a busy machine.
const VARIABLES: [(&str, &str); 3] = [
    ("WORKER_CONCURRENCY", "5"),
    ("GEMINI_REQUESTS_PER_MINUTE", "100000000"),
    ("GEMINI_TIMEOUT_MS", "20000"),
];

/// Measures batches of one and of the deployed size, and the latter with a slower Gemini too: a loss through CPU contention does
/// not grow with Gemini's latency, a loss through waiting in line does. Returns whether each message was answered exactly once.
pub(crate) async fn run(suite: &Suite, mode: Mode) -> Result<bool> {
    let world = crate::start(suite, Benchmark::Burst, &VARIABLES).await?;
    // No message may become visible again while it is processed.
    world.set_visibility_timeout(600).await?;
    let (users, messages_per_user) = mode.of((5, 20), (20, 50));
    let users = try_join_all((0..users).map(|_| Person::sign_up(&world))).await?;
    let deployed = Template::read(suite.home.root())?.event_source(WORKER)?.batch_size;
    let (mut are_complete, mut schedules, mut cpu_times) = (true, Vec::new(), Vec::new());
    for (batch_size, gemini_ms) in [(1, 200), (deployed, 200), (deployed, 1_000)] {
        let sent = send_messages(&world, &users, messages_per_user).await?;
        say(format_args!(
            "  {} messages in batches of {batch_size}, Gemini latency {gemini_ms} ms\n",
            sent.len()
        ));
        let outcome = burst(&world, &sent, batch_size, gemini_ms).await?;
        if let Some(error) = outcome.error() {
            say(format_args!("  {error}\n"));
            are_complete = false;
        }
        schedules.push(outcome.schedule_row());
        cpu_times.push(outcome.cpu_row());
    }
    say(report::markdown(&schedules) + &report::markdown(&cpu_times));
    if mode == Mode::Full {
        let json = json!({ "bursts": report::json(&schedules), "cpu_times": report::json(&cpu_times) });
        report::write(&suite.home, "burst.json", &format!("{json:#}\n"))?;
    }
    Ok(are_complete)
}

/// Answers the `sent` messages in batches.
async fn burst(world: &World, sent: &[Sent], batch_size: usize, gemini_ms: u64) -> Result<BurstOutcome> {
    world.tell_gemini("latency", &json!({ "ms": gemini_ms })).await?;
    let latency = Duration::from_millis(gemini_ms);
    let ideal = IdealSchedule { messages: sent.len(), concurrency: CONCURRENCY, batch_size, latency };
    drop(world.lambda.take_times(WORKER));
    let (calls, cpu) = (world.gemini.count(), cpu_time::read(world)?);
    let begun = now();
    world.start_worker_of(batch_size).await?;
    world.wait_until_all_ended(TIMEOUT).await.context("a burst")?;
    let cpu = cpu_time::read(world)?.since(&cpu);
    let invocations = world.lambda.take_times(WORKER);
    pump::stop(&world.home).await?;
    let calls = world.gemini.count() - calls;
    BurstOutcome::read(world, sent, ideal, begun, (calls, invocations, cpu)).await
}

/// Sends one message to each of `messages_per_user` new chatrooms of each user.
async fn send_messages(world: &World, users: &[Person], messages_per_user: usize) -> Result<Vec<Sent>> {
    let of_user = users.iter().map(|user| async {
        let rooms = user.rooms(world, messages_per_user).await?;
        try_join_all(rooms.iter().map(|room| user.send(world, room))).await
    });
    Ok(try_join_all(of_user).await?.concat())
}

#[expect(
    clippy::disallowed_methods,
    reason = "compared with times that Postgres and the mock Gemini read from the clock"
)]
fn now() -> DateTime<Utc> {
    Utc::now()
}
