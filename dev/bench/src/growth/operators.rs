//! What operators do: inspect, retry, redrive and delete failed messages, and reconcile subscriptions.

use std::time::Duration;

use anyhow::Result;
use harness::{TestEnvironment, TestUser, unique};
use serde_json::json;
use stack::functions::MIGRATE;
use stack::process::Launch;
use uuid::Uuid;

use super::http::{post, send};

/// Handles a failed message of `user` as an operator, then runs the sweeper with a dead letter.
pub(super) async fn run(environment: &TestEnvironment, user: &TestUser) -> Result<()> {
    let operator = TestUser::sign_up(environment).await?;
    execute(environment, MIGRATE, &["role", &operator.number, "admin"]).await?;
    let room = user.create_chatroom(environment).await?;
    let text = unique("refused");
    let error = json!({ "match": text, "steps": [{ "kind": "error", "status": 400 }], "forever": true });
    environment.mocks.gemini("script", &error).await?;
    let id = user.send_text(environment, &room, &text).await?.id;
    let ended = async || environment.wait_until_all_done(Duration::from_secs(30)).await;
    ended().await?;
    for path in [
        "/api/queue/failed".to_owned(),
        format!("/api/queue/failed?cursor=1.{id}"),
        format!("/api/queue/jobs/{id}"),
    ] {
        send(environment, operator.request("GET", path), 200).await?;
    }
    let redrive = post("/api/queue/redrive", &json!({ "error_code": "invalid_request" }));
    for retry in [
        operator.request("POST", format!("/api/queue/failed/{id}/retry")),
        user.request("POST", format!("/api/chatroom/message/{id}/retry")),
        redrive.token(&operator.token),
    ] {
        send(environment, retry, 200).await?;
        ended().await?;
    }
    send(environment, operator.request("DELETE", format!("/api/queue/failed/{id}")), 200).await?;
    environment.mocks.reset_gemini_scripts().await?;
    sweep_dead_letter(environment, id).await
}

async fn sweep_dead_letter(environment: &TestEnvironment, message: Uuid) -> Result<()> {
    let letter = json!({ "version": 1, "type": "answer_message", "message_id": message });
    let body = json!({
        "QueueUrl": environment.var("MESSAGE_DEAD_LETTER_QUEUE_URL")?, "MessageBody": letter.to_string(),
        "MessageGroupId": message, "MessageDeduplicationId": message,
    });
    environment.aws.sqs("SendMessage", &body).await?;
    environment.sweep().await.map(drop)
}

/// Compares every subscription with Stripe.
pub(super) async fn reconcile(environment: &TestEnvironment) -> Result<()> {
    execute(environment, "sweeper", &["reconcile"]).await
}

/// Executes a function's binary as a command.
async fn execute(environment: &TestEnvironment, program: &str, args: &[&str]) -> Result<()> {
    let command = Launch::new(environment.programs.join(program))
        .args(args.iter().copied())
        .without_settings()
        .env(environment.env.clone())
        .folder(environment.home.root());
    command.output().await.map(drop)
}
