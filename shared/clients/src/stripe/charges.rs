//! Charges and their disputes.

use miniserde::Deserialize;

use super::Stripe;
use super::error::StripeError;
use super::request::GetRequest;

/// A charge.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Charge {
    /// Stripe's id of the customer who was charged.
    pub customer: Option<String>,
    /// Stripe's id of its payment intent.
    pub payment_intent: Option<String>,
    /// Whether it is fully refunded.
    pub refunded: bool,
}

/// A dispute of a charge.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Dispute {
    /// Stripe's id of the charge.
    pub charge: String,
    /// The status, such as `needs_response`, `won`, `lost` or `warning_needs_response`.
    pub status: String,
}

impl Stripe {
    /// The charge `id`.
    pub async fn find_charge(&self, id: &str) -> Result<Charge, StripeError> {
        self.read(&GetRequest { path: format!("/charges/{id}"), query: &[] }).await
    }

    /// The dispute `id`.
    pub async fn find_dispute(&self, id: &str) -> Result<Dispute, StripeError> {
        self.read(&GetRequest { path: format!("/disputes/{id}"), query: &[] }).await
    }
}
