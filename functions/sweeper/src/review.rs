//! Syncs subscriptions with Stripe without a webhook: when a period or a grace period has ended,
//! when a user was sent to a checkout page, and at least once a week. This repairs what a lost
//! webhook missed.

use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use clients::stripe::OwnedSubscription;
use domain::UserId;
use futures::{StreamExt, stream};
use serde::Serialize;
use services::billing::{self, BillingError, Resolution};
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
    /// The number of customers that became an account's, because a subscription names its user.
    pub adopted: usize,
    /// The number of subscriptions that name a user but are not that user's: an operator must decide.
    pub unresolved: usize,
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

    /// Resolves the customers that no account has, although a subscription in force names a user.
    async fn adopt_unknown_customers(&mut self, app: &AppState) -> Result<(), BillingError> {
        let mut after = None;
        loop {
            let page = app.stripe()?.list_all_subscriptions(after.as_deref()).await?;
            for subscription in &page {
                self.adopt_customer_of(app, subscription).await?;
            }
            let Some(last) = page.into_iter().next_back() else { return Ok(()) };
            after = Some(last.id);
        }
    }

    async fn adopt_customer_of(
        &mut self,
        app: &AppState,
        subscription: &OwnedSubscription,
    ) -> Result<(), BillingError> {
        let OwnedSubscription { id, customer_id, user_id: Some(user) } = subscription else { return Ok(()) };
        let mut db = app.db().await?;
        if subscriptions::find_user_by_customer(&db, customer_id).await?.is_some() {
            return Ok(());
        }
        match billing::resolve_unknown_customer(app, &mut db, *user, customer_id).await {
            Ok(Resolution::Adopted) => self.adopted += 1,
            Ok(Resolution::Irrelevant) => {}
            Ok(Resolution::Refused(reason)) => {
                self.unresolved += 1;
                error!(stripe.customer = customer_id, stripe.subscription = id, user.id = %user, reason, "a subscription names a user but its customer is unknown here");
            }
            Err(error) => {
                self.failed += 1;
                error!(error = chain(&error), stripe.subscription = id, user.id = %user, "failed to resolve a customer");
            }
        }
        Ok(())
    }
}

/// Syncs every account that has a customer at Stripe. Then looks at Stripe for subscriptions of
/// users whose customer this database does not know, as after a restore of an older one.
pub async fn reconcile(app: &AppState) -> Result<Reconciled, BillingError> {
    let (mut reconciled, mut after) = (Reconciled::default(), None);
    loop {
        let page = subscriptions::list_users_with_customer(&app.db().await?, after, PAGE_SIZE).await?;
        let Some(&last) = page.last() else { break };
        reconciled.sync_all(app, page).await;
        after = Some(last);
    }
    reconciled.adopt_unknown_customers(app).await?;
    Ok(reconciled)
}
