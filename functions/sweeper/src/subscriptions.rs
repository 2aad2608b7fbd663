//! Subscriptions that may be others than we think: whose period has ended, whose grace has, who was sent to a checkout page,
//! and each now and then. Webhooks tell of all that; this is for those that never came.

use std::time::Duration;

use app::telemetry::chain;
use app::{AppState, BillingError};
use domain::UserId;
use futures::{StreamExt, stream};
use serde::Serialize;
use store::subscriptions;
use tokio::time::{Instant, timeout_at};
use tracing::error;

use crate::SweepError;

/// How long one sweep compares.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many are taken on at a time: those that a sweep does not get to stay due.
const ACCOUNTS: i64 = 10;
/// How many are compared at once: each holds a connection.
const AT_ONCE: usize = 2;
/// When one whose comparison came to nothing is looked at again.
const AGAIN: Duration = Duration::from_mins(10);
/// After how many that came to nothing a sweep gives up: Stripe is away.
const FAILURES: usize = 3;
/// How many are read at a time when all are compared.
const PAGE: i64 = 500;

/// Compares those that are due with Stripe, the longest due first, and answers how many had to be put on another plan.
pub(crate) async fn review(app: &AppState) -> Result<usize, SweepError> {
    let (deadline, now) = (Instant::now() + PATIENCE, app.clock.now());
    let mut compared = Compared::default();
    while compared.failed < FAILURES && Instant::now() < deadline {
        let due = subscriptions::claim_due_reviews(&app.db().await?, now, now + AGAIN, ACCOUNTS).await?;
        if due.is_empty() {
            break;
        }
        // Those that are cut off are due again in ten minutes.
        let _ = timeout_at(deadline, compared.all(app, due)).await;
    }
    Ok(compared.changed)
}

/// What came of comparing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Accounts that were compared with Stripe.
    pub compared: usize,
    /// Those of them that were on another plan than they pay for.
    pub changed: usize,
    /// Those that could not be.
    pub failed: usize,
}

impl Compared {
    /// One that cannot be compared does not keep the others from it.
    async fn all(&mut self, app: &AppState, users: Vec<UserId>) {
        let compare = |user| async move { (user, app.sync_subscription(user).await) };
        let mut outcomes = stream::iter(users).map(compare).buffer_unordered(AT_ONCE);
        while let Some((user, outcome)) = outcomes.next().await {
            match outcome {
                Ok(settled) => {
                    self.compared += 1;
                    self.changed += usize::from(settled.is_some_and(|settled| settled.is_new_tier));
                }
                Err(error) => {
                    self.failed += 1;
                    error!(error = chain(&error), user.id = %user, "a subscription could not be compared with Stripe");
                }
            }
        }
    }
}

/// Compares every account that Stripe knows.
///
/// # Errors
/// When Postgres does not answer.
pub async fn reconcile(app: &AppState) -> Result<Compared, BillingError> {
    let (mut compared, mut after) = (Compared::default(), None);
    loop {
        let page = subscriptions::list_users_with_customer(&app.db().await?, after, PAGE).await?;
        let Some(&last) = page.last() else { return Ok(compared) };
        compared.all(app, page).await;
        after = Some(last);
    }
}
