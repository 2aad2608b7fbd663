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

/// Sends each request in turn for both accounts. Returns a row for each request, and the errors.
pub(super) async fn compare(
    environment: &TestEnvironment,
    small: (&TestUser, &Ids),
    large: (&TestUser, &Ids),
    mode: Mode,
) -> Result<(Vec<Row>, Vec<String>)> {
    let user = InstrumentedInstance::start(environment, "user").await?;
    let chatroom = InstrumentedInstance::start(environment, "chatroom").await?;
    // Postgres uses generic plans, if at all, from the sixth execution of a statement.
    let (warm_up, times) = (mode.of(6, 20), mode.of(3, 300));
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for (small, large) in requests(small.0, small.1)?.into_iter().zip(requests(large.0, large.1)?) {
        let instance = if small.function == "user" { &user } else { &chatroom };
        let mut samples: [Sample; 2] = Default::default();
        let alternate = async {
            for number in 0..warm_up + times {
                for (sample, request) in samples.iter_mut().zip([&small, &large]) {
                    let took = request.send(instance, 1).await?;
                    if number >= warm_up {
                        sample.extend(took);
                    }
                }
            }
            anyhow::Ok(())
        };
        let outcome = alternate.await;
        let [small_p50, large_p50] = samples.map(|sample| sample.median());
        let ratio = ratio(large_p50, small_p50);
        let result = match ratio {
            _ if outcome.is_err() => "**failed**",
            Some(ratio) if ratio <= GOAL => "met",
            _ => "**exceeded**",
        };
        failures.extend(outcome.err().map(|error| format!("{error:#}")));
        let row = Row::default()
            .text("request", small.name)
            .ms("small p50 ms", small_p50)
            .ms("large p50 ms", large_p50)
            .number("ratio", ratio)
            .text(&format!("goal {GOAL}"), result);
        rows.push(row);
    }
    Ok((rows, failures))
}

/// Requests whose responses have as many rows for either account. Sending is last, because it makes
/// a chatroom larger.
fn requests(user: &TestUser, ids: &Ids) -> Result<Vec<BenchRequest>> {
    let Ids { rooms, room, messages, message } = ids;
    let get = |name, path: &str| BenchRequest::get(user, name, path);
    let sixth_oldest = rooms.iter().nth_back(5).context("too few chatrooms")?;
    let middle = messages / 2 + 1;
    let question = user.message(&room.to_string(), "What is a lease good for?");
    Ok(vec![
        get("GET /api/user/me", "/api/user/me"),
        get("GET /api/user/stats", "/api/user/stats"),
        get("GET /api/chatroom, newest page", "/api/chatroom?limit=9"),
        get("GET /api/chatroom, oldest page", &format!("/api/chatroom?limit=4&cursor={sixth_oldest}")),
        get("GET /api/chatroom, by activity", "/api/chatroom?limit=9&sort=activity"),
        get("GET /api/chatroom/{id}, newest page", &format!("/api/chatroom/{room}?limit=9")),
        get("GET /api/chatroom/{id}, middle page", &format!("/api/chatroom/{room}?limit=4&before={middle}")),
        get("GET message status", &format!("/api/chatroom/message/{message}/status")),
        get("GET /api/chatroom/search, rare word", "/api/chatroom/search?q=needle&limit=9"),
        get("GET /api/chatroom/search, common word", "/api/chatroom/search?q=minutes&limit=9"),
        get("GET /api/chatroom/search, rare prefix", "/api/chatroom/search?q=needl&limit=9"),
        get("GET /api/chatroom/search, common prefix", "/api/chatroom/search?q=minu&limit=9"),
        BenchRequest::http("POST message", 201, question),
    ])
}
