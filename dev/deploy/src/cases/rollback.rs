//! Deployments that are undone.

use anyhow::{Result, ensure};
use harness::{Request, TestUser, unique};
use serde_json::json;

use super::revoked_key::{degraded_health, failed_message};
use crate::rehearsal::Rehearsal;

/// A secret that the gate cannot know to be wrong, and the return to its previous version.
pub(super) async fn wrong_secret(rehearsal: &Rehearsal) -> Result<String> {
    let user = TestUser::sign_up(rehearsal).await?;
    let room = user.create_chatroom(rehearsal).await?;
    let previous = rehearsal.parameter("SecretVersionId");
    let wrong = rehearsal.store_secret(&[("GEMINI_API_KEY", "invalid-key")]).await?;
    rehearsal.deploy_untested(&[("SecretVersionId", &wrong)]).await?;
    let text = unique("wrong key");
    let failed = failed_message(rehearsal, &user, &room, &text).await?;
    degraded_health(rehearsal).await?;
    rehearsal.deploy(&[("SecretVersionId", &previous)]).await?;
    let retry = user.request("POST", format!("/api/chatroom/message/{}/retry", failed.id)).json(&json!({}));
    retry.send(rehearsal).await?.ensure(200)?;
    let done = user.wait_until_done(rehearsal, failed.id).await?;
    ensure!(done["processing_status"] == "completed", "not answered with the previous key: {done}");
    Ok(format!("version {wrong} failed a message, {previous} answers"))
}

/// Parameters that are valid and wrong.
pub(super) async fn bad_deployment(rehearsal: &Rehearsal) -> Result<String> {
    let user = TestUser::sign_up(rehearsal).await?;
    let room = user.create_chatroom(rehearsal).await?;
    let before = rehearsal.variable("chatroom", "BASIC_DAILY_MESSAGE_LIMIT").await?;
    rehearsal.deploy_untested(&[("BasicDailyMessageLimit", "0")]).await?;
    user.message(&room, "refused").send(rehearsal).await?.ensure(429)?;
    rehearsal.deploy(&[("BasicDailyMessageLimit", &before)]).await?;
    let answered = user.send_message(rehearsal, &room).await?;
    let done = user.wait_until_done(rehearsal, answered.id).await?;
    ensure!(done["processing_status"] == "completed", "not answered after the rollback: {done}");
    Request::new("GET", "/api/user/me").token(&user.token).send(rehearsal).await?.ensure(200)?;
    Ok("a limit of 0 refused messages; after the rollback they are answered".to_owned())
}
