//! Secrets with which functions would not start.

use anyhow::{Result, ensure};

use super::ensure_unchanged;
use crate::rehearsal::Rehearsal;

pub(super) async fn short(rehearsal: &Rehearsal) -> Result<String> {
    refused(rehearsal, &[("JWT_SECRET", "8letters")], "JWT_SECRET: must have at least 32 characters").await
}

pub(super) async fn missing(rehearsal: &Rehearsal) -> Result<String> {
    refused(rehearsal, &[("GEMINI_API_KEY", "")], "GEMINI_API_KEY").await
}

async fn refused(rehearsal: &Rehearsal, secrets: &[(&str, &str)], reason: &str) -> Result<String> {
    let before = rehearsal.serving().await?;
    let version = rehearsal.store_secret(secrets).await?;
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
    ensure_unchanged(rehearsal, &before).await?;
    Ok(format!("refused: {}", named.map_or(reason, String::as_str)))
}
