//! Prices.

use miniserde::Deserialize;
use stripe_product::price::RetrievePrice;

use super::Stripe;
use super::error::StripeError;

/// A price.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Price {
    /// Its id.
    pub id: String,
    /// In the currency's smallest unit, when the price is one amount.
    pub unit_amount: Option<i64>,
    /// The currency, ISO 4217, in lower case.
    pub currency: String,
    /// The billing interval, unless the price is paid once.
    pub recurring: Option<Recurring>,
}

/// A billing interval.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Recurring {
    /// `day`, `week`, `month` or `year`.
    pub interval: String,
    /// The number of these between two payments.
    pub interval_count: i64,
}

impl Stripe {
    /// The price `id`.
    pub async fn find_price(&self, id: &str) -> Result<Price, StripeError> {
        self.read(&RetrievePrice::new(id)).await
    }
}
