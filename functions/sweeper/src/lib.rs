//! The Lambda `sweeper`: scheduled repair, once a minute. It resends stranded messages, empties the
//! dead-letter queue, syncs subscriptions that are due with Stripe, deletes what is no longer
//! needed, and adds search tokens to old messages. A sweep is bounded in work, and concurrent sweeps do no harm. While the service is idle,
//! it sweeps at the latest after 55 minutes.

mod dead_letters;
mod idle;
mod purge;
mod resend;
mod review;
mod search_backfill;
#[cfg(test)]
mod tests;

use std::time::Duration;

use app::{AppState, Dependency, NotConfigured};
use clients::queue::QueueError;
use serde::Serialize;
use store::StoreError;
use thiserror::Error;
use tracing::info;

pub use crate::review::{Reconciled, reconcile};

/// What this function requires to start.
pub const DEPENDENCIES: &[Dependency] = &[
    Dependency::DATABASE,
    Dependency::REDIS,
    Dependency::QUEUE,
    Dependency::DEAD_LETTERS,
    Dependency::TABLE,
    Dependency::STRIPE,
];

/// What [`reconcile`] requires.
pub const RECONCILE_DEPENDENCIES: &[Dependency] =
    &[Dependency::DATABASE, Dependency::REDIS, Dependency::STRIPE];

/// The result of a sweep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SweepSummary {
    /// The number of messages put back on the queue.
    pub resent: usize,
    /// The number of messages that failed because their job was a dead letter.
    pub failed: usize,
    /// The number of accounts whose deletion was finished.
    pub purged: usize,
    /// The number of accounts whose plan changed after a sync with Stripe.
    pub plans_changed: usize,
    /// The number of old messages that can now be found by prefixes.
    pub indexed: u64,
}

/// Why a sweep stopped. The next sweep continues its work.
#[derive(Debug, Error)]
pub enum SweepError {
    /// A query failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A request to SQS failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A programming error.
    #[error(transparent)]
    Setup(#[from] NotConfigured),
}

/// Sweeps, unless the service is idle.
pub async fn sweep_unless_idle(app: &AppState) -> Result<SweepSummary, SweepError> {
    sweep_at_interval(app, idle::MIN_INTERVAL).await
}

/// As [`sweep_unless_idle`]: two empty sweeps at least `min_interval` apart mark the service idle.
async fn sweep_at_interval(app: &AppState, min_interval: Duration) -> Result<SweepSummary, SweepError> {
    let activity = idle::find_activity(app).await;
    if activity.as_ref().is_some_and(|activity| activity.is_idle) {
        return Ok(SweepSummary::default());
    }
    let summary = sweep(app).await?;
    if let Some(activity) = activity.filter(|_| summary == SweepSummary::default()) {
        idle::record_empty_sweep(app, &activity, min_interval).await?;
    }
    Ok(summary)
}

/// Sweeps once. An error in one part does not prevent the others.
pub async fn sweep(app: &AppState) -> Result<SweepSummary, SweepError> {
    let (resent, failed) = tokio::join!(resend::resend_stranded(app), dead_letters::fail_all(app));
    // One after the other: each holds a connection during calls to Stripe, and the pool is small.
    let purged = Box::pin(purge::purge(app)).await;
    let plans_changed = Box::pin(review::review(app)).await;
    let indexed = Box::pin(search_backfill::add_search_tokens(app)).await;
    let summary = SweepSummary {
        resent: resent?,
        failed: failed?,
        purged: purged?,
        plans_changed: plans_changed?,
        indexed: indexed?,
    };
    if summary != SweepSummary::default() {
        let SweepSummary { resent, failed, purged, plans_changed, indexed } = summary;
        info!(resent, failed, purged, plans_changed, indexed, "swept");
    }
    Ok(summary)
}
