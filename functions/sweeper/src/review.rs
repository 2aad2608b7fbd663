//! Syncs subscriptions with Stripe without a webhook: when a period or a grace period has ended,
//! when a user was sent to a checkout page, and at least once a week. This repairs what a lost
//! webhook missed.

use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use domain::UserId;
use futures::{StreamExt, stream};
use serde::Serialize;
use services::billing::{self, BillingError};
use store::subscriptions;
use tokio::time::{Instant, timeout_at};
use tracing::error;

use crate::SweepError;

/// Maximum time that one sweep spends on reviews.
const MAX_TIME: Duration = Duration::from_secs(20);
/// The number of accounts claimed at a time. Unclaimed accounts stay due.
const CLAIM_SIZE: i64 = 10;
/// The number of concurrent syncs. Each uses a database connection.
const CONCURRENCY: usize = 2;
/// The time after which an account whose sync failed is due again.
const RETRY_DELAY: Duration = Duration::from_mins(10);
/// The number of failed syncs after which a sweep stops: Stripe is unavailable.
const MAX_FAILURES: usize = 3;
/// The number of accounts that [`reconcile`] reads at a time.
const PAGE_SIZE: i64 = 500;

/// Syncs the accounts that are due, the longest due first. Returns how many changed plan.
pub(crate) async fn review(app: &AppState) -> Result<usize, SweepError> {
    let (deadline, now) = (Instant::now() + MAX_TIME, app.clock.now());
    let mut reconciled = Reconciled::default();
    while reconciled.failed < MAX_FAILURES && Instant::now() < deadline {
        let due =
            subscriptions::claim_due_reviews(&app.db().await?, now, now + RETRY_DELAY, CLAIM_SIZE).await?;
        if due.is_empty() {
            break;
        }
        // Accounts that the deadline cuts off are due again after RETRY_DELAY.
        let _ = timeout_at(deadline, reconciled.sync_all(app, due)).await;
    }
    Ok(reconciled.changed)
}

/// The result of [`reconcile`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// The number of accounts compared with Stripe.
    pub compared: usize,
    /// The number of those whose plan changed.
    pub changed: usize,
    /// The number of accounts whose sync failed.
    pub failed: usize,
}

impl Reconciled {
    /// Syncs all `users`. A failure does not stop the others.
    async fn sync_all(&mut self, app: &AppState, users: Vec<UserId>) {
        let sync = |user| async move { (user, billing::sync_subscription(app, user).await) };
        let mut outcomes = stream::iter(users).map(sync).buffer_unordered(CONCURRENCY);
        while let Some((user, outcome)) = outcomes.next().await {
            match outcome {
                Ok(entitlement) => {
                    self.compared += 1;
                    self.changed += usize::from(entitlement.is_some_and(|one| one.tier_changed));
                }
                Err(error) => {
                    self.failed += 1;
                    error!(error = chain(&error), user.id = %user, "failed to sync a subscription with Stripe");
                }
            }
        }
    }
}

/// Syncs every account that has a customer at Stripe.
pub async fn reconcile(app: &AppState) -> Result<Reconciled, BillingError> {
    let (mut reconciled, mut after) = (Reconciled::default(), None);
    loop {
        let page = subscriptions::list_users_with_customer(&app.db().await?, after, PAGE_SIZE).await?;
        let Some(&last) = page.last() else { return Ok(reconciled) };
        reconciled.sync_all(app, page).await;
        after = Some(last);
    }
}
