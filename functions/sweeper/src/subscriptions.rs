//! Subscriptions that may be others than we think: whose period has ended, whose grace has, who was sent to a checkout page,
//! and each now and then. Webhooks tell of all that; this is for those that never came.

use std::time::Duration;

use app::telemetry::chain;
use app::{App, BillingError};
use domain::UserId;
use serde::Serialize;
use store::subscriptions;
use tokio::time::{Instant, timeout_at};
use tracing::{error, info};

use crate::SweepError;

/// How long one sweep compares.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many are looked at.
const ACCOUNTS: i64 = 100;
/// When one whose comparison came to nothing is looked at again.
const AGAIN: Duration = Duration::from_mins(10);
/// How many are read at a time when all are compared.
const PAGE: i64 = 500;

/// Compares those that are due with Stripe, and answers how many had to be put on another plan.
pub(crate) async fn review(app: &App) -> Result<usize, SweepError> {
    let (deadline, now) = (Instant::now() + PATIENCE, app.clock.now());
    let due = subscriptions::take_due(&app.db().await?, now, now + AGAIN, ACCOUNTS).await?;
    let (mut compared, count) = (Compared::default(), due.len());
    let comparing = async {
        for user in due {
            compared.one(app, user).await;
        }
    };
    if timeout_at(deadline, comparing).await.is_err() {
        info!(compared.compared, count, "the rest is compared in ten minutes");
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
    async fn one(&mut self, app: &App, user: UserId) {
        match app.sync_subscription(user).await {
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

/// Compares every account that Stripe knows.
///
/// # Errors
/// When Postgres does not answer.
pub async fn reconcile(app: &App) -> Result<Compared, BillingError> {
    let (mut compared, mut after) = (Compared::default(), None);
    loop {
        let page = subscriptions::list_known(&app.db().await?, after, PAGE).await?;
        let Some(&last) = page.last() else { return Ok(compared) };
        for user in page {
            compared.one(app, user).await;
        }
        after = Some(last);
    }
}
