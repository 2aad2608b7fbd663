//! A deployment without changes.

use anyhow::Result;

use super::ensure_unchanged;
use crate::rehearsal::Rehearsal;

pub(super) async fn run(rehearsal: &Rehearsal) -> Result<String> {
    let before = rehearsal.serving().await?;
    rehearsal.deploy(&[]).await?;
    ensure_unchanged(rehearsal, &before).await?;
    Ok(format!("{} functions, none changed", before.count()))
}
