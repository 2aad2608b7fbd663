//! The Lambda `sweeper`: scheduled repair, once a minute. It cancels messages whose worker died
//! before it could stop, resends stranded messages and titles, empties the dead-letter queue,
//! charges calls whose worker was killed, syncs subscriptions that are due with Stripe, deletes what
//! is no longer needed, and adds search tokens and generations to old messages. A sweep is bounded in
//! work, and concurrent sweeps do no harm. While the service is idle, it sweeps at the latest after
//! 55 minutes.

mod cancel;
mod dead_letters;
mod generation_backfill;
mod idle;
mod purge;
mod resend;
mod review;
mod search_backfill;
mod spending;
#[cfg(test)]
mod tests;
mod titles;

use std::time::Duration;

use app::{AppState, Dependency, NotConfigured};
use clients::queue::QueueError;
use serde::Serialize;
use store::StoreError;
use thiserror::Error;
use tracing::info;

pub use app::functions::SWEEPER as DEPENDENCIES;

pub use crate::review::{Reconciled, reconcile};

/// What [`reconcile`] requires.
pub const RECONCILE_DEPENDENCIES: &[Dependency] =
    &[Dependency::DATABASE, Dependency::REDIS, Dependency::STRIPE];

/// The result of a sweep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SweepSummary {
    /// The number of messages cancelled for a dead worker.
    pub cancelled: u64,
    /// The number of messages put back on the queue.
    pub resent: usize,
    /// The number of titles whose job was sent again, or that were given up.
    pub titles: usize,
    /// The number of messages that failed because their job was a dead letter.
    pub failed: usize,
    /// The number of calls to the model that are charged because they never reported their end.
    pub charged: usize,
    /// The number of accounts whose deletion was finished.
    pub purged: usize,
    /// The number of accounts whose plan changed after a sync with Stripe.
    pub plans_changed: usize,
    /// The number of old messages that can now be found by prefixes.
    pub indexed: u64,
    /// The number of old messages that have a generation now.
    pub generations: u64,
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
    // First, so that the others find no message that its owner has stopped.
    let cancelled = cancel::cancel_abandoned(app).await;
    let (resent, failed) = tokio::join!(resend::resend_stranded(app), dead_letters::fail_all(app));
    let titles = titles::resend_stranded(app).await;
    let charged = spending::charge_expired(app).await;
    // One after the other: each holds a connection during calls to Stripe, and the pool is small.
    let purged = Box::pin(purge::purge(app)).await;
    let plans_changed = Box::pin(review::review(app)).await;
    let indexed = Box::pin(search_backfill::add_search_tokens(app)).await;
    let generations = Box::pin(generation_backfill::add_generations(app)).await;
    let summary = SweepSummary {
        cancelled: cancelled?,
        resent: resent?,
        titles: titles?,
        failed: failed?,
        charged: charged?,
        purged: purged?,
        plans_changed: plans_changed?,
        indexed: indexed?,
        generations: generations?,
    };
    if summary != SweepSummary::default() {
        let SweepSummary { cancelled, resent, titles, failed, charged, .. } = summary;
        let SweepSummary { purged, plans_changed, indexed, generations, .. } = summary;
        info!(
            cancelled,
            resent, titles, failed, charged, purged, plans_changed, indexed, generations, "swept"
        );
    }
    Ok(summary)
}
