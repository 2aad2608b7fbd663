//! What operators do in their time, once each, and the sweeper for them.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::person::{Person, unique};
use harness::world::World;
use serde_json::json;
use stack::functions::MIGRATE;
use stack::process::Launch;
use uuid::Uuid;

use super::life::{ask, post};

/// Sees to messages that failed, those of `person` among them.
pub(super) async fn live(world: &World, person: &Person) -> Result<()> {
    let operator = Person::sign_up(world).await?;
    run(world, MIGRATE, &["role", &operator.number, "admin"]).await?;
    let room = person.room(world).await?;
    let text = unique("refused");
    let refused = json!({ "match": text, "steps": [{ "kind": "error", "status": 400 }], "forever": true });
    world.tell_gemini("script", &refused).await?;
    let id = person.send_text(world, &room, &text).await?.id;
    let ended = async || world.wait_until_all_ended(Duration::from_secs(30)).await;
    ended().await?;
    for path in [
        "/api/queue/failed".to_owned(),
        format!("/api/queue/failed?cursor=1.{id}"),
        format!("/api/queue/jobs/{id}"),
    ] {
        ask(world, operator.request("GET", path), 200).await?;
    }
    ask(world, operator.request("POST", format!("/api/queue/failed/{id}/retry")), 200).await?;
    ended().await?;
    ask(world, person.request("POST", format!("/api/chatroom/message/{id}/retry")), 200).await?;
    ended().await?;
    let redrive = post("/api/queue/redrive", &json!({ "error_code": "invalid_request" }));
    ask(world, redrive.token(&operator.token), 200).await?;
    ended().await?;
    ask(world, operator.request("DELETE", format!("/api/queue/failed/{id}")), 200).await?;
    world.forget_scripts().await?;
    sweep(world, id).await
}

/// Sweeps, with a letter in the dead-letter queue.
async fn sweep(world: &World, message: Uuid) -> Result<()> {
    let letter = json!({ "version": 1, "type": "answer_message", "message_id": message });
    let body = json!({
        "QueueUrl": world.var("MESSAGE_DEAD_LETTER_QUEUE_URL")?, "MessageBody": letter.to_string(),
        "MessageGroupId": message, "MessageDeduplicationId": message,
    });
    world.aws.sqs("SendMessage", &body).await?;
    world.sweep().await.map(drop)
}

/// Compares every subscription with Stripe.
pub(super) async fn reconcile(world: &World) -> Result<()> {
    run(world, "sweeper", &["reconcile"]).await
}

/// Runs the program of a function as the command that it is, too.
async fn run(world: &World, program: &str, args: &[&str]) -> Result<()> {
    let command = Launch::new(world.programs.join(program))
        .args(args.iter().copied())
        .without_settings()
        .env(world.env.clone())
        .folder(world.home.root());
    let ended = command.try_output().await.with_context(|| command.line())?;
    ensure!(ended.status.success(), "{}: {}", command.line(), String::from_utf8_lossy(&ended.stderr));
    Ok(())
}
