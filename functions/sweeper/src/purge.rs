//! Deletes what is no longer needed: accounts whose deletion was started but not finished, expired
//! sessions, the use of earlier days that deleted accounts left, and old actions of operators.

use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use chrono::{DateTime, Utc};
use domain::{UserId, quota};
use services::billing::{self, BillingError};
use store::generations::account;
use store::{StoreError, account_deletion, operator_actions, sessions, subscriptions};
use tokio::time::{Instant, timeout_at};
use tracing::{error, info};

use crate::SweepError;

/// Maximum time that one sweep spends on deletions.
const MAX_TIME: Duration = Duration::from_secs(20);
/// The time that a request has to finish the deletion it started.
const REQUEST_TIME: Duration = Duration::from_mins(1);
/// The time after which an account is retried whose subscription could not be ended at Stripe.
const RETRY_DELAY: Duration = Duration::from_mins(10);
/// Maximum number of accounts that one sweep deletes.
const MAX_ACCOUNTS: i64 = 50;
/// The number of sessions that one statement deletes.
const SESSION_BATCH: i64 = 1_000;
/// How long the audit log keeps an action of an operator.
const ACTION_LIFETIME: Duration = Duration::from_hours(2 * 365 * 24);
/// The number of actions that one statement deletes.
const ACTION_BATCH: i64 = 1_000;

/// Deletes as much as possible within [`MAX_TIME`] and returns the number of deleted accounts.
pub(crate) async fn purge(app: &AppState) -> Result<usize, SweepError> {
    let (deadline, mut purged) = (Instant::now() + MAX_TIME, 0);
    if let Ok(outcome) = timeout_at(deadline, delete(app, &mut purged)).await {
        outcome?;
    } else {
        info!(purged, "out of time: the next sweep deletes the rest");
    }
    Ok(purged)
}

async fn delete(app: &AppState, purged: &mut usize) -> Result<(), StoreError> {
    let now = app.clock.now();
    let started = {
        let db = app.db().await?;
        while sessions::delete_expired(&db, now, SESSION_BATCH).await? > 0 {}
        while operator_actions::delete_before(&db, now - ACTION_LIFETIME, ACTION_BATCH).await? > 0 {}
        account_deletion::delete_retired_usage(&db, quota::day_of(now)).await?;
        account_deletion::list_unfinished(&db, now - REQUEST_TIME, now, MAX_ACCOUNTS).await?
    };
    for user in started {
        // A failure does not stop the other deletions.
        match delete_account(app, user, now).await {
            Ok(()) => *purged += 1,
            Err(error) => {
                error!(error = chain(&error), user.id = %user, "failed to delete an account");
            }
        }
    }
    Ok(())
}

/// Deletes the messages in any case, and the account itself once its subscription has ended at
/// Stripe. Never takes a second connection while it holds one: the pool may have only one.
async fn delete_account(app: &AppState, user: UserId, now: DateTime<Utc>) -> Result<(), BillingError> {
    account::cancel_all(&app.db().await?, user, now).await?;
    let synced = billing::sync_subscription(app, user).await;
    let db = app.db().await?;
    if synced.is_err() {
        subscriptions::update_review_at(&db, user, now + RETRY_DELAY, now).await?;
    }
    while account_deletion::delete_batch(&db, user, account_deletion::BATCH_SIZE).await? {}
    synced.map(drop)
}
