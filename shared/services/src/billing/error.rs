//! [`BillingError`].

use app::NotConfigured;
use clients::stripe::StripeError;
use store::StoreError;
use thiserror::Error;

/// Why a billing operation failed.
#[derive(Debug, Error)]
pub enum BillingError {
    /// A query failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A call to Stripe failed.
    #[error(transparent)]
    Stripe(#[from] StripeError),
    /// A checkout page of a deleted account cannot be closed while a payment is under way on it.
    #[error("a checkout page could not be closed: a payment is under way on it")]
    CheckoutInProgress,
    /// The price of the plan is not one whole amount, so it cannot be shown.
    #[error("the price of the plan has no unit_amount: it is tiered, or in fractions of a cent")]
    NoUnitAmount,
    /// A programming error.
    #[error(transparent)]
    Setup(#[from] NotConfigured),
}

impl BillingError {
    /// Whether a retry may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_unavailable(),
            Self::Stripe(error) => error.is_transient(),
            Self::CheckoutInProgress => true,
            Self::NoUnitAmount | Self::Setup(_) => false,
        }
    }
}
