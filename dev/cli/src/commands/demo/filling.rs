//! Sends the messages of a sample chatroom, and lets mock Gemini give its answers.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::TestUser;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::Demo;
use super::conversation::{Conversation, Outcome, Question, Turn};

/// The name of a chatroom until it is complete. A later run deletes what an interrupted one has left.
const INCOMPLETE: &str = "Being filled";

/// How long an answer that the user stops is written, and when it is stopped.
const STOPPED_DURATION_MS: u64 = 20_000;
const STOPPED_AFTER: Duration = Duration::from_secs(5);

/// The names of the account's chatrooms. Deletes incomplete ones.
pub(super) async fn complete_rooms(demo: &Demo, user: &TestUser) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/chatroom?limit=100{cursor}");
        let page = user.request("GET", path).send(demo).await?.ensure(200)?;
        for room in page.body["chatrooms"].as_array().context("no list of chatrooms")? {
            let (id, name) = (text(room, "id")?, text(room, "name")?);
            if name == INCOMPLETE {
                let _ =
                    user.request("DELETE", format!("/api/chatroom/{id}")).send(demo).await?.ensure(200)?;
            } else {
                names.insert(name.to_owned());
            }
        }
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(names),
        }
    }
}

pub(super) async fn fill(demo: &Demo, user: &TestUser, conversation: &Conversation) -> Result<()> {
    let room = json!({ "name": INCOMPLETE, "system_prompt": conversation.instructions });
    let room = user.request("POST", "/api/chatroom").json(&room).send(demo).await?.ensure(201)?;
    let room = room.string_at("/chatroom/id")?;
    let mut last = Asked::default();
    for turn in &conversation.turns {
        last = take_turn(demo, user, &room, last, turn).await?;
    }
    let name = json!({ "name": conversation.name });
    let renamed = user.request("PATCH", format!("/api/chatroom/{room}")).json(&name).send(demo).await?;
    renamed.ensure(200).map(drop)
}

/// The question before.
#[derive(Default)]
struct Asked {
    id: String,
    content: String,
}

async fn take_turn(demo: &Demo, user: &TestUser, room: &str, last: Asked, turn: &Turn) -> Result<Asked> {
    let (path, content) = match &turn.question {
        Question::New(content) => (format!("/api/chatroom/{room}/message"), content.clone()),
        Question::Edited(content) => (format!("/api/chatroom/message/{}/edit", last.id), content.clone()),
        Question::Repeated => (format!("/api/chatroom/message/{}/regenerate", last.id), last.content),
    };
    let step = match &turn.outcome {
        Outcome::Answered(text) => json!({ "kind": "answer", "text": text }),
        Outcome::Stopped(text) => {
            json!({ "kind": "answer", "text": text, "duration_ms": STOPPED_DURATION_MS })
        }
        Outcome::Refused => json!({ "kind": "blocked_prompt" }),
    };
    demo.mocks.script(&content, json!([step])).await?;
    let body = if turn.question == Question::Repeated { json!({}) } else { json!({ "content": content }) };
    let accepted = user.request("POST", path).json(&body).send(demo).await?.ensure(201)?;
    let id = accepted.string_at("/message/id")?;
    if matches!(turn.outcome, Outcome::Stopped(_)) {
        let status = format!("/api/chatroom/message/{id}/status");
        user.wait_for(demo, &status, |body| body["message"]["processing_status"] == "processing").await?;
        sleep(STOPPED_AFTER).await;
        let cancel = user.request("POST", format!("/api/chatroom/message/{id}/cancel"));
        let _ = cancel.send(demo).await?.ensure(200)?;
    }
    let done = user.wait_until_done(demo, &id).await?;
    let expected = match turn.outcome {
        Outcome::Answered(_) => "completed",
        Outcome::Stopped(_) => "cancelled",
        Outcome::Refused => "failed",
    };
    ensure!(done["processing_status"] == expected, "{content:?} is not {expected}: {done}");
    if turn.is_rated {
        let path = format!("/api/chatroom/message/{}/feedback", text(&done["reply"], "id")?);
        let rating = json!({ "rating": "up" });
        let _ = user.request("POST", path).json(&rating).send(demo).await?.ensure(200)?;
    }
    Ok(Asked { id, content })
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name].as_str().with_context(|| format!("no {name} in {value}"))
}
