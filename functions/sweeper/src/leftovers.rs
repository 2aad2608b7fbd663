//! What is kept no longer: accounts whose deletion was begun and not brought to its end, and sessions whose time is over.

use std::time::Duration;

use app::App;
use store::{StoreError, deletion, sessions};
use tokio::time::{Instant, timeout_at};
use tracing::info;

use crate::SweepError;

/// How long one sweep deletes.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many accounts are looked at.
const ACCOUNTS: i64 = 50;
/// How many sessions one step deletes.
const SESSIONS: i64 = 1_000;

/// Deletes what it can in its time, and answers how many accounts are gone.
pub(crate) async fn purge(app: &App) -> Result<usize, SweepError> {
    let (deadline, mut purged) = (Instant::now() + PATIENCE, 0);
    if let Ok(outcome) = timeout_at(deadline, delete(app, &mut purged)).await {
        outcome?;
    } else {
        info!(purged, "the next sweep deletes the rest");
    }
    Ok(purged)
}

async fn delete(app: &App, purged: &mut usize) -> Result<(), StoreError> {
    let (db, now) = (app.db().await?, app.clock.now());
    for user in deletion::list_begun(&db, ACCOUNTS).await? {
        deletion::stop_messages(&db, user, now).await?;
        while deletion::purge(&db, user, deletion::BATCH).await? {}
        *purged += 1;
    }
    while sessions::delete_expired(&db, now, SESSIONS).await? > 0 {}
    Ok(())
}
