//! What a user does, from the sign-up to the deletion of the account.

use anyhow::{Context as _, Result, ensure};
use harness::{PASSWORD, Request, StreamRequest, StreamedAnswer, TestUser, unique};
use serde_json::json;

use crate::rehearsal::Rehearsal;

pub(super) async fn run(rehearsal: &Rehearsal) -> Result<String> {
    let health = rehearsal.get("/health").await?;
    let commit = health["commit"].as_str();
    ensure!(commit == rehearsal.commit.as_deref(), "health shows {commit:?}, not {:?}", rehearsal.commit);
    ensure!(
        health["deployment"].as_str() == Some(&rehearsal.variable("site", "DEPLOYMENT").await?),
        "health shows another deployment: {health}"
    );
    let user = TestUser::sign_up(rehearsal).await?;
    let room = user.create_chatroom(rehearsal).await?;
    let question = user.send_text(rehearsal, &room, &unique("a journey")).await?;
    // The worker is invoked by the emulator's event source mapping.
    let mut stream = StreamRequest::new(&rehearsal.base_url, &user, question.id).open_live().await?;
    let mut answer = StreamedAnswer::default();
    let events = stream.rest().await?;
    for event in &events {
        answer.apply(event)?;
    }
    let done = user.wait_until_done(rehearsal, question.id).await?;
    ensure!(done["processing_status"] == "completed", "the message is not answered: {done}");
    let room = user.request("GET", format!("/api/chatroom/{room}")).send(rehearsal).await?.ensure(200)?;
    let stored = room.body["messages"].as_array().and_then(|all| all.last());
    let stored = stored.and_then(|message| message["content"].as_str()).context("the room has no answer")?;
    ensure!(answer.text == stored, "the stream has {:?}, the room {stored:?}", answer.text);
    let deletion = user.request("DELETE", "/api/user/me").json(&json!({ "password": PASSWORD }));
    deletion.send(rehearsal).await?.ensure(200)?;
    Request::new("GET", "/api/user/me").token(&user.token).send(rehearsal).await?.ensure(401)?;
    let calls = rehearsal.mocks.gemini_calls(&question.text).await?;
    ensure!(calls == 1, "Gemini was called {calls} times");
    Ok(format!(
        "commit {}, {} events of the stream, one call to Gemini",
        commit.unwrap_or("null"),
        events.len()
    ))
}
