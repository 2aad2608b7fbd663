//! The path of one request through the logs.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::{SentMessage, TestUser, unique, wait_until};
use serde_json::Value;

use crate::rehearsal::Rehearsal;

pub(super) async fn run(rehearsal: &Rehearsal) -> Result<String> {
    let user = TestUser::sign_up(rehearsal).await?;
    let room = user.create_chatroom(rehearsal).await?;
    let (text, client_id) = (unique("a request"), unique("rehearsal").replace(' ', "-"));
    let request = user.message(&room, &text).header("x-request-id", &client_id);
    let message = SentMessage::read(&request.send(rehearsal).await?.ensure(201)?, &text)?.id.to_string();
    user.wait_until_done(rehearsal, &message).await?;

    let accepted = rehearsal.log_lines("chatroom", &[&client_id, &message]).await?;
    let accepted =
        accepted.first().context("chatroom logs no line with the client's id and the message's")?;
    let request_id = find(accepted, "request_id").context("chatroom logs no request id")?;
    // Lambda passes on the log at the end of an invocation, after the message is answered.
    let mut answered = Vec::new();
    let is_logged = async || {
        answered = rehearsal.log_lines("worker", &[request_id, &message]).await?;
        Ok(!answered.is_empty())
    };
    let what = format!("the worker logs the request {request_id} with the message");
    wait_until(&what, Duration::from_secs(20), is_logged).await?;
    for function in ["chatroom", "worker"] {
        let leaks = rehearsal.raw_log_lines(function, &[&text]).await?;
        ensure!(leaks.is_empty(), "{function} logs the text of a message: {leaks:?}");
    }
    Ok(format!("{client_id}: request {request_id}, {} lines of the worker", answered.len()))
}

/// The value of a field, wherever it is in a line.
fn find<'a>(line: &'a Value, name: &str) -> Option<&'a str> {
    match line {
        Value::Object(members) => {
            let own = members.get(name).and_then(Value::as_str);
            own.or_else(|| members.values().find_map(|value| find(value, name)))
        }
        Value::Array(values) => values.iter().find_map(|value| find(value, name)),
        _ => None,
    }
}
