//! Times the same requests for an account with little and one with much data, in turn.

use anyhow::{Context as _, Result};
use harness::{InstrumentedInstance, TestEnvironment, TestUser};

use super::seed::Ids;
use crate::Mode;
use crate::bench_request::BenchRequest;
use crate::report::Row;
use crate::sample::{Sample, ratio};

/// How many times longer a request may take with much data.
const GOAL: f64 = 1.5;

/// Times of one request.
#[derive(Debug)]
pub(super) struct Comparison {
    name: &'static str,
    small: Sample,
    large: Sample,
    /// The error that ended the comparison.
    pub(super) failure: Option<String>,
}

impl Comparison {
    pub(super) fn row(&self) -> Row {
        let ratio = ratio(self.large.median(), self.small.median());
        let result = match ratio {
            _ if self.failure.is_some() => "**failed**",
            Some(ratio) if ratio <= GOAL => "met",
            _ => "**exceeded**",
        };
        Row::default()
            .text("request", self.name)
            .ms("small p50 ms", self.small.median())
            .ms("large p50 ms", self.large.median())
            .number("ratio", ratio)
            .text(&format!("goal {GOAL}"), result)
    }
}

/// Sends each request in turn for both accounts.
pub(super) async fn compare(
    environment: &TestEnvironment,
    small: (&TestUser, &Ids),
    large: (&TestUser, &Ids),
    mode: Mode,
) -> Result<Vec<Comparison>> {
    let (user, chatroom) = (
        InstrumentedInstance::start(environment, "user").await?,
        InstrumentedInstance::start(environment, "chatroom").await?,
    );
    // Postgres uses generic plans, if at all, from the sixth execution of a statement.
    let (warm_up, times) = (mode.of(6, 20), mode.of(3, 300));
    let mut comparisons = Vec::new();
    for (small, large) in requests(small.0, small.1)?.into_iter().zip(requests(large.0, large.1)?) {
        let instance = if small.function == "user" { &user } else { &chatroom };
        let [mut small_times, mut large_times] = std::array::from_fn(|_| Sample::default());
        let alternate = async {
            for number in 0..warm_up + times {
                let (small, large) = (small.send(instance).await?, large.send(instance).await?);
                if number >= warm_up {
                    small_times.push(small);
                    large_times.push(large);
                }
            }
            anyhow::Ok(())
        };
        let failure = alternate.await.err().map(|error| format!("{error:#}"));
        comparisons.push(Comparison { name: small.name, small: small_times, large: large_times, failure });
    }
    Ok(comparisons)
}

/// Requests whose responses have as many rows for either account. Sending is last, because it makes a chatroom larger.
fn requests(user: &TestUser, ids: &Ids) -> Result<Vec<BenchRequest>> {
    let Ids { rooms, room, messages, message } = ids;
    let get = |name, path: String| BenchRequest::get(user, name, path);
    let sixth_oldest = rooms.iter().nth_back(5).context("too few chatrooms")?;
    let middle = messages / 2 + 1;
    let (sender, sender_room) = (user.clone(), room.to_string());
    Ok(vec![
        get("GET /api/user/me", "/api/user/me".to_owned()),
        get("GET /api/user/stats", "/api/user/stats".to_owned()),
        get("GET /api/chatroom, newest page", "/api/chatroom?limit=9".to_owned()),
        get("GET /api/chatroom, oldest page", format!("/api/chatroom?limit=4&cursor={sixth_oldest}")),
        get("GET /api/chatroom/{id}, newest page", format!("/api/chatroom/{room}?limit=9")),
        get("GET /api/chatroom/{id}, middle page", format!("/api/chatroom/{room}?limit=4&before={middle}")),
        get("GET message status", format!("/api/chatroom/message/{message}/status")),
        get("GET /api/chatroom/search, rare word", "/api/chatroom/search?q=needle&limit=9".to_owned()),
        get("GET /api/chatroom/search, common word", "/api/chatroom/search?q=minutes&limit=9".to_owned()),
        BenchRequest::http("POST message", 201, move || {
            sender.message(&sender_room, "What is a lease good for?")
        }),
    ])
}
