//! Stripe: customers, checkout pages, subscriptions, prices, the customer portal and the signature
//! of webhooks.
//!
//! async-stripe's crates build the requests and pin the API version. `http` sends them, and the
//! response types here hold only the fields that are used. async-stripe's own client would link
//! every object of Stripe's API, 8 MB of them, and would reject a whole response for one unknown
//! field.

mod charges;
mod checkout;
mod customers;
mod error;
mod http;
mod invoices;
mod price;
mod request;
mod subscriptions;
#[cfg(test)]
mod tests;
pub mod webhook_signature;
mod wire;

use secrecy::SecretString;

pub use self::charges::{Charge, Dispute};
pub use self::checkout::{BillingAddress, CheckoutSession, NewCheckout};
pub use self::customers::Customer;
pub use self::error::{StripeError, StripeSetupError};
use self::http::Http;
pub use self::price::{Price, Recurring};
pub use self::subscriptions::OwnedSubscription;

/// The address and key of Stripe.
#[derive(Debug)]
pub struct StripeConfig {
    /// Scheme and host, such as `https://api.stripe.com`, without `/v1`.
    pub base_url: String,
    /// The account's secret key, `sk_...`, or a restricted key, `rk_...`.
    pub secret_key: SecretString,
}

/// The client for Stripe. Cloning shares the connections.
#[derive(Debug, Clone)]
pub struct Stripe {
    http: Http,
}

impl Stripe {
    /// Builds the client. Opens no connection.
    pub fn new(config: &StripeConfig) -> Result<Self, StripeSetupError> {
        Ok(Self { http: Http::new(&config.base_url, &config.secret_key)? })
    }
}
