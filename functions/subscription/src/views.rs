//! What clients see of a subscription.

use chrono::{DateTime, Utc};
use domain::subscription::{Subscription, SubscriptionStatus};
use serde::Serialize;

/// A subscription after a change.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Changed {
    message: &'static str,
    subscription: SubscriptionView,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Subscription)]
pub(crate) struct SubscriptionView {
    id: String,
    status: SubscriptionStatus,
    /// Whether it ends with the period that runs.
    cancel_at_period_end: bool,
    current_period_end: Option<DateTime<Utc>>,
}

impl Changed {
    pub(crate) fn new(message: &'static str, subscription: Subscription) -> Self {
        Self { message, subscription: subscription.into() }
    }
}

impl From<Subscription> for SubscriptionView {
    fn from(subscription: Subscription) -> Self {
        Self {
            id: subscription.id,
            status: subscription.status,
            cancel_at_period_end: subscription.cancel_at_period_end,
            current_period_end: subscription.period_end,
        }
    }
}
