//! Inspects, retries, redrives and deletes failed messages, suspends an account, runs the smoke test, and
//! reconciles subscriptions.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::{Request, TestEnvironment, TestUser, unique};
use serde_json::json;
use stack::functions::MIGRATE;
use stack::process::Launch;
use uuid::Uuid;

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
    let cursor = format!("failed?cursor=1.{id}");
    let job = format!("jobs/{id}");
    for path in ["failed", &cursor, &job, "feedback", "feedback/models"] {
        operator.request("GET", format!("/api/queue/{path}")).send(environment).await?.ensure(200)?;
    }
    let redrive = Request::post("/api/queue/redrive", &json!({ "error_code": "invalid_request" }));
    for retry in [
        operator.request("POST", format!("/api/queue/failed/{id}/retry")),
        user.request("POST", format!("/api/chatroom/message/{id}/retry")),
        redrive.token(&operator.token),
    ] {
        retry.send(environment).await?.ensure(200)?;
        ended().await?;
    }
    operator.request("DELETE", format!("/api/queue/failed/{id}")).send(environment).await?.ensure(200)?;
    environment.mocks.reset_gemini_scripts().await?;
    act_on_account(environment, &operator).await?;
    execute(environment, MIGRATE, &["smoke", &environment.lambda.base_url()]).await?;
    sweep_dead_letter(environment, id).await
}

/// Finds, views, suspends and restores an account, and lists these actions.
async fn act_on_account(environment: &TestEnvironment, operator: &TestUser) -> Result<()> {
    let user = TestUser::sign_up(environment).await?;
    let find = operator.request("POST", "/api/user/find").json(&json!({ "mobile_number": user.number }));
    let id = find.send(environment).await?.ensure(200)?.string_at("/account/id")?;
    for request in [
        operator.request("GET", format!("/api/user/{id}")),
        operator.request("POST", format!("/api/user/{id}/suspend")).json(&json!({})),
        operator.request("POST", format!("/api/user/{id}/restore")),
        operator.request("GET", "/api/queue/actions"),
        operator.request("GET", "/api/queue/spending"),
    ] {
        request.send(environment).await?.ensure(200)?;
    }
    Ok(())
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
    let line = command.line();
    let ended = command.try_output().await.with_context(|| line.clone())?;
    ensure!(ended.status.success(), "{line}: {}", String::from_utf8_lossy(&ended.stderr));
    Ok(())
}
