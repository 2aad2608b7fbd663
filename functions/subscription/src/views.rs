//! The views of a subscription.

use chrono::{DateTime, Utc};
use domain::subscription::{Subscription, SubscriptionStatus};
use serde::Serialize;

/// The response to a change of the subscription.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SubscriptionResponse {
    message: &'static str,
    subscription: SubscriptionView,
}

/// A subscription.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Subscription)]
pub(crate) struct SubscriptionView {
    id: String,
    status: SubscriptionStatus,
    /// Whether it ends with the current period.
    cancel_at_period_end: bool,
    current_period_end: Option<DateTime<Utc>>,
    /// When it ends, or ended. Null if it renews until it is cancelled.
    ends_at: Option<DateTime<Utc>>,
}

impl SubscriptionResponse {
    pub(crate) fn new(message: &'static str, subscription: Subscription) -> Self {
        Self { message, subscription: subscription.into() }
    }

    pub(crate) fn cancelled(subscription: Subscription) -> Self {
        let is_over = subscription.status.is_over();
        let message = if is_over { "Subscription has ended" } else { "Subscription ends with its period" };
        Self::new(message, subscription)
    }
}

impl From<Subscription> for SubscriptionView {
    fn from(subscription: Subscription) -> Self {
        Self {
            id: subscription.id,
            status: subscription.status,
            cancel_at_period_end: subscription.cancel_at_period_end,
            current_period_end: subscription.period_end,
            ends_at: subscription.ends_at,
        }
    }
}
