//! A migration that fails: the new secret leads to a database in which a table is in the way.

use anyhow::{Context as _, Result, ensure};
use harness::DbObserver;

use super::ensure_unchanged;
use crate::rehearsal::{Rehearsal, STACK};

pub(super) async fn run(rehearsal: &Rehearsal) -> Result<String> {
    rehearsal.db.batch("DROP DATABASE IF EXISTS elsewhere").await?;
    rehearsal.db.batch("CREATE DATABASE elsewhere").await?;
    let (server, _) =
        rehearsal.secret("DATABASE_URL").rsplit_once('/').map(owned).context("no database URL")?;
    let url = format!("{server}/elsewhere");
    DbObserver::connect(&url).await?.batch("CREATE TABLE users (in_the_way integer)").await?;
    let before = rehearsal.serving().await?;
    let version = rehearsal.store_secret(&[("DATABASE_URL", &url), ("MIGRATION_DATABASE_URL", &url)]).await?;
    let deployed = rehearsal.try_deploy(&[("SecretVersionId", &version)]).await?;
    ensure!(!deployed.is_success, "the deployment was accepted");
    let failures = rehearsal.failures().await?.join("; ");
    ensure!(
        failures.contains("Migration") && failures.contains("users"),
        "the events name no migration: {failures}"
    );
    let status = rehearsal.stack_status(STACK).await;
    ensure!(status.as_deref() == Some("UPDATE_ROLLBACK_COMPLETE"), "the stack's status is {status:?}");
    ensure_unchanged(rehearsal, &before).await?;
    Ok(failures)
}

fn owned((server, database): (&str, &str)) -> (String, String) {
    (server.to_owned(), database.to_owned())
}
