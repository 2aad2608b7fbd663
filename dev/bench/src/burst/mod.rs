//! `cargo dev bench burst`: many messages at once, and how long each waits until Gemini is asked for it.
//!
//! The messages are sent while no worker is driven; then the pump is started, and the clock with it. Each message is alone in
//! its room: within a room one is answered after the other, and what is to be seen is how fast the rest is, not that. It is
//! compared with a schedule in which only Gemini takes time ([`ideal`]).

mod ideal;
mod outcome;
mod table;
mod usage;

use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use futures::future::try_join_all;
use harness::Suite;
use harness::person::{Person, Sent};
use harness::world::World;
use serde_json::json;
use stack::functions;
use stack::progress::print;
use stack::services::event_source_mapping;
use stack::template::Template;

use self::ideal::Ideal;
use self::outcome::Outcome;
use self::usage::Usage;
use super::{Depth, WORLD, report};

/// How many invocations of the worker there are at once.
const WORKERS: usize = 5;

/// How long a burst may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// The functions' variables: never is it Gemini's quota that is waited for.
const OVERRIDES: [(&str, &str); 3] = [
    ("WORKER_CONCURRENCY", "5"),
    ("GEMINI_REQUESTS_PER_MINUTE", "100000000"),
    // Long beyond what Gemini takes, however busy the machine is.
    ("GEMINI_TIMEOUT_MS", "20000"),
];

/// Who sends how much.
struct Crowd {
    people: Vec<Person>,
    /// In as many rooms.
    messages_each: usize,
}

/// Measures bursts in batches of one and as deployed, and again where Gemini takes longer: what is lost for want of
/// processors does not grow with that, what is lost by waiting in turn does. Answers whether each message was answered and
/// asked for just once.
pub(super) async fn run(suite: &Suite, depth: Depth) -> Result<bool> {
    let world = World::start(suite, WORLD, &OVERRIDES).await?;
    // Whatever a slow machine does, no item comes back while it is worked on.
    world.set_visibility_timeout(600).await?;
    let (people, messages_each) = depth.of((5, 20), (20, 50));
    let people = try_join_all((0..people).map(|_| Person::sign_up(&world))).await?;
    let crowd = Crowd { people, messages_each };
    let deployed = Template::read(suite.home.root())?.event_source(functions::WORKER)?.batch_size;
    let mut outcomes = Vec::new();
    for (batch, gemini_ms) in [(1, 200), (deployed, 200), (deployed, 1_000)] {
        print(format_args!(
            "  {} messages in batches of {batch}, Gemini at {gemini_ms} ms\n",
            crowd.messages()
        ));
        outcomes.push(burst(&world, &crowd, batch, Duration::from_millis(gemini_ms)).await?);
    }
    print(table::markdown(&outcomes));
    if depth == Depth::All {
        report::keep(&suite.home, "burst.json", &format!("{:#}\n", table::json(&outcomes)))?;
    }
    for line in outcomes.iter().filter_map(Outcome::wrong) {
        print(format_args!("  not as it should be: {line}\n"));
    }
    Ok(outcomes.iter().all(|outcome| outcome.wrong().is_none()))
}

/// Has the crowd send, then the worker answer, in batches of up to `batch`, with a Gemini that takes `latency`.
async fn burst(world: &World, crowd: &Crowd, batch: usize, latency: Duration) -> Result<Outcome> {
    world.tell_gemini("latency", &json!({ "ms": u64::try_from(latency.as_millis())? })).await?;
    let sent = crowd.send(world).await?;
    let ideal = Ideal { messages: sent.len(), workers: WORKERS, batch, latency };
    drop(world.lambda.take_times(functions::WORKER));
    let (calls, before) = (world.gemini.count(), Usage::now(world)?);
    let begun = now();
    world.start_worker_of(batch).await?;
    world.wait_until_all_ended(PATIENCE).await.context("a burst")?;
    let usage = Usage::now(world)?.since(&before);
    let invocations = world.lambda.take_times(functions::WORKER);
    event_source_mapping::stop(&world.home).await?;
    let calls = world.gemini.count() - calls;
    Outcome::read(world, &sent, ideal, begun, (calls, invocations, usage)).await
}

impl Crowd {
    fn messages(&self) -> usize {
        self.people.len() * self.messages_each
    }

    /// Has each of them open new rooms and send a message to each, as one does.
    async fn send(&self, world: &World) -> Result<Vec<Sent>> {
        let each = self.people.iter().map(|person| async {
            let rooms = person.rooms(world, self.messages_each).await?;
            try_join_all(rooms.iter().map(|room| person.send(world, room))).await
        });
        Ok(try_join_all(each).await?.concat())
    }
}

#[expect(clippy::disallowed_methods, reason = "compared with times that others took of the machine's clock")]
fn now() -> DateTime<Utc> {
    Utc::now()
}
