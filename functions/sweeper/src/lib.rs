//! Sweeps up every minute: puts messages back on the queue that nobody works on, and gives up those that came to the
//! dead-letter queue with nothing left to try; compares with Stripe who may be on another plan than they pay for; and deletes
//! what is kept no longer. A sweep is bounded in work and does no harm beside another. While nobody asks for anything and nothing is left to
//! do there is one an hour.

mod dead_letters;
mod idle;
mod purge;
mod stranded;
mod subscriptions;
#[cfg(test)]
mod tests;

use std::time::Duration;

use app::{AppState, Dependency, NotConfigured};
use clients::queue::QueueError;
use serde::Serialize;
use store::StoreError;
use thiserror::Error;
use tracing::info;

pub use crate::subscriptions::{Compared, reconcile};

/// What this function cannot do without.
pub const DEPENDENCIES: &[Dependency] = &[
    Dependency::DATABASE,
    Dependency::REDIS,
    Dependency::QUEUE,
    Dependency::DEAD_LETTERS,
    Dependency::TABLE,
    Dependency::STRIPE,
];

/// What comparing all subscriptions cannot do without.
pub const RECONCILE_DEPENDENCIES: &[Dependency] =
    &[Dependency::DATABASE, Dependency::REDIS, Dependency::STRIPE];

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Messages put on the queue again.
    pub resent: usize,
    /// Messages given up.
    pub buried: usize,
    /// Accounts deleted to the end.
    pub purged: usize,
    /// People put on the plan that they pay for.
    pub repaired: usize,
}

/// A sweep broke off. The next one goes on where it stopped.
#[derive(Debug, Error)]
pub enum SweepError {
    /// Postgres did not do what was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// SQS did not do what was asked.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A mistake of ours.
    #[error(transparent)]
    Setup(#[from] NotConfigured),
}

/// Sweeps, unless there was nothing to do a while ago and nobody has asked for anything since.
///
/// # Errors
/// As [`sweep`].
pub async fn sweep_unless_idle(app: &AppState) -> Result<Swept, SweepError> {
    sweep_at_intervals(app, idle::APART).await
}

/// As [`sweep_unless_idle`], with two sweeps `apart` showing that it is quiet.
async fn sweep_at_intervals(app: &AppState, apart: Duration) -> Result<Swept, SweepError> {
    let activity = idle::find(app).await;
    if activity.as_ref().is_some_and(|activity| activity.is_idle) {
        return Ok(Swept::default());
    }
    let swept = sweep(app).await?;
    if let Some(activity) = activity.filter(|_| swept == Swept::default()) {
        idle::keep(app, &activity, apart).await?;
    }
    Ok(swept)
}

/// Sweeps once.
///
/// # Errors
/// When Postgres or SQS does not answer. Trouble with one part does not keep the others from being done.
pub async fn sweep(app: &AppState) -> Result<Swept, SweepError> {
    let (resent, buried) = tokio::join!(stranded::resend(app), dead_letters::fail_all(app));
    // One after the other, and after those: each holds a connection while Stripe is asked, and there are not many.
    let purged = Box::pin(purge::purge(app)).await;
    let repaired = Box::pin(subscriptions::review(app)).await;
    let swept = Swept { resent: resent?, buried: buried?, purged: purged?, repaired: repaired? };
    if swept != Swept::default() {
        let Swept { resent, buried, purged, repaired } = swept;
        info!(resent, buried, purged, repaired, "swept");
    }
    Ok(swept)
}
