//! How a delivery ends, and the time budgets of its steps.

use std::time::Duration;

use app::NotConfigured;
use store::StoreError;
use thiserror::Error;

/// The time that must be left after Gemini's timeout, to store the answer before the function's
/// deadline.
pub(crate) const STORE_MARGIN: Duration = Duration::from_secs(10);
/// A lease, and the visibility timeout of a delivery, are renewed after this part of their time.
pub(crate) const RENEWALS_PER_LEASE: u32 = 3;
/// The timeout of one statement in Postgres, connecting included.
pub(crate) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(6);
/// The time that must be left for the deferred work after the last answer of a batch.
pub(crate) const DEFERRED_MARGIN: Duration = Duration::from_secs(3);
/// The timeout for changing the visibility timeout of a delivery. It must fit into the time left
/// after the last answer is stored.
pub(crate) const VISIBILITY_CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// The timeout for deleting one finished delivery of a batch.
pub(crate) const DELETE_TIMEOUT: Duration = Duration::from_secs(2);
/// The wait before the next delivery while too many answers of the user are under way.
pub(crate) const BUSY_DELAY: Duration = Duration::from_secs(2);
/// The wait before the next delivery after the first interruption; it doubles each time.
pub(crate) const INTERRUPTED_DELAY: Duration = Duration::from_secs(2);

/// What SQS must do with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Delete it.
    Delete,
    /// Deliver it again, after this time or, without one, after the queue's visibility timeout.
    Redeliver(Option<Duration>),
}

/// Why a delivery was interrupted. SQS delivers it again.
#[derive(Debug, Error)]
pub(crate) enum DeliveryError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Setup(#[from] NotConfigured),
}
