//! The first deployment.

use anyhow::{Result, ensure};

use crate::rehearsal::{Rehearsal, STACK};

pub(super) async fn run(rehearsal: &Rehearsal) -> Result<String> {
    let version = rehearsal.store_secret(&[]).await?;
    rehearsal.deploy(&[("SecretVersionId", &version)]).await?;
    let status = rehearsal.stack_status(STACK).await;
    ensure!(status.as_deref() == Some("CREATE_COMPLETE"), "the stack's status is {status:?}");
    let serving = rehearsal.serving().await?;
    let health = rehearsal.ensure_healthy().await?;
    Ok(format!("{} functions serve, {}", serving.count(), health["checks"]))
}
