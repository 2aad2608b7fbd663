//! What functions are asked: the requests of the bench that the load is made of, a worker's batch, a sweep.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::TestEnvironment;
use harness::TestUser;
use serde_json::{Value, json};

use super::super::probes::{self, Probe};

/// Requests that are part of the load, or stand for others.
const REQUESTS: [&str; 10] = [
    "GET /api/user/me",
    "GET /api/chatroom",
    "GET /api/chatroom/{id}",
    "GET message status",
    "GET /health",
    "POST /api/chatroom",
    "POST message",
    "POST message, keyed",
    "POST /api/auth/login",
    "POST /api/webhook/stripe",
];

/// Something that a function is asked.
pub(super) struct Ask {
    pub(super) name: &'static str,
    pub(super) function: &'static str,
    kind: Kind,
}

enum Kind {
    Request(Probe),
    /// Messages of this person, one in each of these rooms.
    Batch(TestUser, Vec<String>),
    Sweep,
}

/// All of them. Where a sweep is the first, there is nothing to sweep.
pub(super) async fn all(world: &TestEnvironment) -> Result<Vec<Ask>> {
    let (person, subscription) = probes::somebody(world).await?;
    let rooms = person.create_chatrooms(world, 10).await?;
    for room in &rooms {
        person.send_message(world, room).await?;
    }
    let probes = probes::all(world, &person, &subscription, 0).await?;
    world.wait_until_all_done(Duration::from_secs(30)).await?;
    let mut asks = vec![Ask { name: "sweep", function: "sweeper", kind: Kind::Sweep }];
    let chosen = probes.into_iter().filter(|probe| REQUESTS.contains(&probe.name));
    asks.extend(chosen.map(|probe| Ask {
        name: probe.name,
        function: probe.function,
        kind: Kind::Request(probe),
    }));
    ensure!(asks.len() == REQUESTS.len() + 1, "the bench does not have every request of the load");
    for (name, count) in [("worker, 1 message", 1), ("worker, 10 messages", 10)] {
        let rooms = rooms.iter().take(count).cloned().collect();
        asks.push(Ask { name, function: "worker", kind: Kind::Batch(person.clone(), rooms) });
    }
    Ok(asks)
}

impl Ask {
    /// Makes ready for being asked once, and answers the event.
    pub(super) async fn event(&self, world: &TestEnvironment) -> Result<Value> {
        match &self.kind {
            Kind::Request(probe) => probe.event(),
            Kind::Sweep => Ok(json!({})),
            Kind::Batch(person, rooms) => {
                let mut sent = Vec::new();
                for room in rooms {
                    sent.push(person.send_message(world, room).await?.id);
                }
                world.delivery_of(&sent)
            }
        }
    }

    /// Fails where `answer` is not what is expected.
    pub(super) fn check(&self, answer: &Value) -> Result<()> {
        match &self.kind {
            Kind::Request(probe) => probe.check(answer),
            Kind::Sweep => {
                let done = answer.as_object().context("a sweep says nothing")?;
                ensure!(done.values().all(|count| *count == 0), "there was something to sweep: {answer}");
                Ok(())
            }
            Kind::Batch(..) => {
                let failed = answer["batchItemFailures"].as_array().is_some_and(|all| !all.is_empty());
                ensure!(!failed, "not every message was answered: {answer}");
                Ok(())
            }
        }
    }
}

/// How large the answer to a request is, its headers included.
pub(super) fn size_of(answer: &Value) -> usize {
    let headers = answer["headers"].as_object().into_iter().flatten();
    // A colon, a space and the end of the line.
    let headers = headers.map(|(name, value)| name.len() + value.as_str().map_or(0, str::len) + 4);
    headers.sum::<usize>() + answer["body"].as_str().map_or(0, str::len)
}
