//! Secrets that a deployment refuses: functions would not start with them, or answer nothing.

use anyhow::{Result, ensure};
use harness::TestUser;

use super::ensure_unchanged;
use crate::rehearsal::Rehearsal;

pub(super) async fn short(rehearsal: &Rehearsal) -> Result<String> {
    let short = ("JWT_SECRET", "8letters");
    refused_before_a_change(rehearsal, short, "JWT_SECRET: must have at least 32 characters").await
}

pub(super) async fn missing(rehearsal: &Rehearsal) -> Result<String> {
    refused_before_a_change(rehearsal, ("GEMINI_API_KEY", ""), "GEMINI_API_KEY").await
}

/// A key that only a call can prove wrong: the functions have changed when the smoke test makes it.
pub(super) async fn unusable(rehearsal: &Rehearsal) -> Result<String> {
    let deployment = async || rehearsal.variable("worker", "DEPLOYMENT").await;
    let before = deployment().await?;
    let refused = refused(rehearsal, ("GEMINI_API_KEY", "invalid-key"), "gemini_key_refused").await?;
    ensure!(deployment().await? == before, "the worker was not rolled back");
    let user = TestUser::sign_up(rehearsal).await?;
    let room = user.create_chatroom(rehearsal).await?;
    let answered = user.send_message(rehearsal, &room).await?;
    let done = user.wait_until_done(rehearsal, answered.id).await?;
    ensure!(done["processing_status"] == "completed", "not answered after the rollback: {done}");
    Ok(refused)
}

async fn refused_before_a_change(
    rehearsal: &Rehearsal,
    secret: (&str, &str),
    reason: &str,
) -> Result<String> {
    let before = rehearsal.serving().await?;
    let refused = refused(rehearsal, secret, reason).await?;
    ensure_unchanged(rehearsal, &before).await?;
    Ok(refused)
}

/// Deploys with a secret that must be refused for `reason`.
async fn refused(rehearsal: &Rehearsal, secret: (&str, &str), reason: &str) -> Result<String> {
    let version = rehearsal.store_secret(&[secret]).await?;
    let deployed = rehearsal.try_deploy(&[("SecretVersionId", &version)]).await?;
    ensure!(!deployed.is_success, "the deployment was accepted");
    let failures = rehearsal.failures().await?;
    let named = failures.iter().find(|failure| failure.contains(reason));
    let shown = failures.join("; ");
    ensure!(
        named.is_some() || deployed.output.contains(reason),
        "nothing names {reason}: {shown} {}",
        deployed.output
    );
    Ok(format!("refused: {}", named.map_or(reason, String::as_str)))
}
