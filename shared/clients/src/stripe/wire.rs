//! What is read of Stripe's answers. Fields that are not here may come, go and change as they like.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::subscription::{self, SubscriptionStatus};
use miniserde::Deserialize;

use super::{NewCheckout, PRICE_ID, time};

/// Something of which only its name matters.
#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
}

/// A page of a list.
#[derive(Deserialize)]
pub(super) struct Page<T> {
    pub(super) data: Vec<T>,
}

#[derive(Deserialize)]
pub(super) struct Portal {
    pub(super) url: String,
}

#[derive(Deserialize)]
pub(super) struct Subscription {
    id: String,
    status: String,
    created: i64,
    cancel_at_period_end: bool,
    cancel_at: Option<i64>,
    items: Page<Item>,
}

/// Since the API's version `2025-03-31.basil` periods are of the items alone.
#[derive(Deserialize)]
struct Item {
    current_period_start: i64,
    current_period_end: i64,
}

impl Subscription {
    /// Whether it ends with the period that runs: because that is set, or by a date, which is how the portal does it.
    pub(super) fn ends(&self) -> bool {
        let end = self.items.data.first().map(|item| item.current_period_end);
        self.cancel_at_period_end || self.cancel_at.zip(end).is_some_and(|(at, end)| at <= end)
    }
}

impl From<Subscription> for subscription::Subscription {
    fn from(wire: Subscription) -> Self {
        let item = wire.items.data.first();
        Self {
            cancel_at_period_end: wire.ends(),
            period_start: item.map(|item| time(item.current_period_start)),
            period_end: item.map(|item| time(item.current_period_end)),
            status: wire.status.as_str().try_into().unwrap_or(SubscriptionStatus::Unknown),
            created_at: time(wire.created),
            past_due_since: None,
            id: wire.id,
        }
    }
}

/// A checkout page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CheckoutSession {
    /// Its id.
    pub id: String,
    /// Its address, while it is open.
    pub url: Option<String>,
    /// Where a person is sent who has paid.
    pub success_url: Option<String>,
    /// Where a person is sent who would rather not.
    pub cancel_url: Option<String>,
    expires_at: i64,
    metadata: Option<HashMap<String, String>>,
}

impl CheckoutSession {
    /// Whether it is the very page that would be opened for `new`.
    #[must_use]
    pub fn is_for(&self, new: &NewCheckout<'_>) -> bool {
        let sold = self.metadata.as_ref().and_then(|metadata| metadata.get(PRICE_ID));
        let (own, wanted) = (
            [self.success_url.as_deref(), self.cancel_url.as_deref(), sold.map(String::as_str)],
            [new.success_url, new.cancel_url, new.price_id],
        );
        own == wanted.map(Some) && self.url.is_some()
    }

    /// When it closes by itself.
    #[must_use]
    pub fn expires_at(&self) -> DateTime<Utc> {
        time(self.expires_at)
    }
}

/// What something costs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Price {
    /// Its id.
    pub id: String,
    /// In the currency's smallest unit, where it is one amount.
    pub unit_amount: Option<i64>,
    /// The currency, ISO 4217, in lower case.
    pub currency: String,
    /// How often it is paid, unless once.
    pub recurring: Option<Recurring>,
}

/// How often something is paid.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Recurring {
    /// `day`, `week`, `month` or `year`.
    pub interval: String,
    /// Every how many of them.
    pub interval_count: i64,
}
