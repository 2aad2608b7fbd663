//! Why a request for an answer is refused.

use std::time::Duration;

use app::AppState;
use app::metrics::{MetricEvent, QuotaReason};
use chrono::{DateTime, Utc};
use domain::UserId;
use domain::quota::{self, Usage};
use domain::spending::CapScope;
use domain::switches::FeaturePaused;
use store::StoreError;

use crate::spending::report_reached;

/// Why a request for an answer is refused. Nothing is stored.
#[derive(Debug, thiserror::Error)]
pub enum AnswerRequestError {
    /// The statement failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The user has used all messages of the day.
    #[error("the daily quota is exhausted")]
    QuotaExhausted {
        /// The quota of the day.
        usage: Usage,
        /// The time until it starts again.
        wait: Duration,
    },
    /// A spending cap of the day is reached.
    #[error("a spending cap is reached")]
    SpendCapReached {
        /// Whose cap.
        scope: CapScope,
        /// When the day ends.
        resets_at: DateTime<Utc>,
        /// The time until then.
        wait: Duration,
    },
    /// An operator has paused sending, or every model that could answer.
    #[error(transparent)]
    Paused(#[from] FeaturePaused),
    /// The caller has none with this id: `account`, `chatroom` or `message`.
    #[error("there is no {0} with this id")]
    NotFound(&'static str),
    /// The chatroom does not have the message that the new one should follow.
    #[error("the chatroom has no such parent message")]
    ParentNotFound,
    /// Only a question can be edited, and the message is an answer.
    #[error("the message is an answer")]
    NotAQuestion,
    /// The latest answer to the question is not finished.
    #[error("the previous answer is not finished")]
    Unfinished,
}

/// The user has used all messages of the day, which this counts.
#[must_use]
pub fn quota_exhausted(app: &AppState, usage: Usage, now: DateTime<Utc>) -> AnswerRequestError {
    app.metrics.emit(&MetricEvent::QuotaRefused(QuotaReason::DailyMessages));
    AnswerRequestError::QuotaExhausted { usage, wait: time_until(usage.resets_at, now) }
}

/// A spending cap of the day is reached, which this reports. `sender` is the user of the request.
#[must_use]
pub fn spend_cap_reached(
    app: &AppState,
    scope: CapScope,
    sender: UserId,
    now: DateTime<Utc>,
) -> AnswerRequestError {
    report_reached(app, scope, sender);
    let resets_at = quota::resets_at(now);
    AnswerRequestError::SpendCapReached { scope, resets_at, wait: time_until(resets_at, now) }
}

fn time_until(later: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (later - now).to_std().unwrap_or_default()
}
