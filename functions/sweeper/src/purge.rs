//! What is kept no longer: accounts whose deletion was begun and not brought to its end, and sessions whose time is over.

use std::time::Duration;

use app::telemetry::chain;
use app::{AppState, BillingError};
use chrono::{DateTime, Utc};
use domain::UserId;
use store::{StoreError, account_deletion, sessions, subscriptions};
use tokio::time::{Instant, timeout_at};
use tracing::{error, info};

use crate::SweepError;

/// How long one sweep deletes.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a deletion is left to the request that has begun it.
const GRACE: Duration = Duration::from_mins(1);
/// When Stripe is told again of an account that it could not be told of.
const AGAIN: Duration = Duration::from_mins(10);
/// How many accounts are looked at.
const ACCOUNTS: i64 = 50;
/// How many sessions one step deletes.
const SESSIONS: i64 = 1_000;

/// Deletes what it can in its time, and answers how many accounts are gone.
pub(crate) async fn purge(app: &AppState) -> Result<usize, SweepError> {
    let (deadline, mut purged) = (Instant::now() + PATIENCE, 0);
    if let Ok(outcome) = timeout_at(deadline, delete(app, &mut purged)).await {
        outcome?;
    } else {
        info!(purged, "the next sweep deletes the rest");
    }
    Ok(purged)
}

async fn delete(app: &AppState, purged: &mut usize) -> Result<(), StoreError> {
    let now = app.clock.now();
    let begun = {
        let db = app.db().await?;
        while sessions::delete_expired(&db, now, SESSIONS).await? > 0 {}
        account_deletion::list_unfinished(&db, now - GRACE, now, ACCOUNTS).await?
    };
    for user in begun {
        // One that cannot be deleted does not keep the others from it.
        match delete_account(app, user, now).await {
            Ok(()) => *purged += 1,
            Err(error) => {
                error!(error = chain(&error), user.id = %user, "an account is not deleted to the end");
            }
        }
    }
    Ok(())
}

/// Deletes what somebody wrote whatever Stripe says; the account goes with what it pays. Holds no connection while another
/// is asked for: a pool may have one.
async fn delete_account(app: &AppState, user: UserId, now: DateTime<Utc>) -> Result<(), BillingError> {
    account_deletion::cancel_messages(&app.db().await?, user, now).await?;
    let ended = app.sync_subscription(user).await;
    let db = app.db().await?;
    if ended.is_err() {
        subscriptions::update_review_at(&db, user, now + AGAIN, now).await?;
    }
    while account_deletion::delete_batch(&db, user, account_deletion::BATCH_SIZE).await? {}
    ended.map(drop)
}
