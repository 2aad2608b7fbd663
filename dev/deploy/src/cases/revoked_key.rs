//! A key that Gemini refuses.

use std::time::Duration;

use anyhow::{Result, ensure};
use harness::{SentMessage, TestUser, unique, wait_until};
use serde_json::{Value, json};

use crate::rehearsal::Rehearsal;

/// The dimension of the metric that the alarm `gemini_key_refused` counts.
const ERROR_CODE: &str = "gemini_key_refused";

pub(super) async fn run(rehearsal: &Rehearsal) -> Result<String> {
    let user = TestUser::sign_up(rehearsal).await?;
    let room = user.create_chatroom(rehearsal).await?;
    let text = unique("revoked");
    rehearsal.mocks.script(&text, json!([{ "kind": "error", "status": 403 }])).await?;
    let before = metrics(rehearsal).await?;
    let failed = failed_message(rehearsal, &user, &room, &text).await?;
    let health = degraded_health(rehearsal).await?;
    let is_counted = async || Ok(metrics(rehearsal).await? == before + 1);
    wait_until("the worker's log counts one message more", Duration::from_secs(20), is_counted).await?;
    rehearsal.mocks.reset_gemini_scripts().await?;
    // A call that is answered ends the state.
    let answered = user.send_message(rehearsal, &room).await?;
    let done = user.wait_until_done(rehearsal, answered.id).await?;
    ensure!(done["processing_status"] == "completed", "not answered with a good key: {done}");
    let is_well = async || Ok(rehearsal.get("/health?deep=true").await?["status"] == "OK");
    wait_until("health is OK again", Duration::from_secs(20), is_well).await?;
    Ok(format!(
        "message {} failed with {ERROR_CODE}; health {health}; 1 line of the metric MessagesFailed",
        failed.id
    ))
}

/// Sends a message that fails because of the key.
pub(super) async fn failed_message(
    rehearsal: &Rehearsal,
    user: &TestUser,
    room: &str,
    text: &str,
) -> Result<SentMessage> {
    let message = user.send_text(rehearsal, room, text).await?;
    let done = user.wait_until_done(rehearsal, message.id).await?;
    let is_refused = done["processing_status"] == "failed" && done["error_code"] == ERROR_CODE;
    ensure!(is_refused, "the message ended otherwise: {done}");
    Ok(message)
}

/// Waits until deep health is degraded: its checks are reused for five seconds.
pub(super) async fn degraded_health(rehearsal: &Rehearsal) -> Result<Value> {
    let mut health = Value::Null;
    let is_degraded = async || {
        health = rehearsal.get("/health?deep=true").await?;
        Ok(health["status"] == "degraded" && health["checks"]["gemini"]["status"] == "degraded")
    };
    wait_until("deep health is degraded", Duration::from_secs(20), is_degraded).await?;
    Ok(health["status"].take())
}

/// How many messages the worker's log counts as failed by the key, in the metric of the alarm.
async fn metrics(rehearsal: &Rehearsal) -> Result<usize> {
    let lines = rehearsal.log_lines("worker", &["_aws", "MessagesFailed", ERROR_CODE]).await?;
    Ok(lines.iter().filter(|line| line["ErrorCode"] == ERROR_CODE && line["MessagesFailed"] == 1).count())
}
