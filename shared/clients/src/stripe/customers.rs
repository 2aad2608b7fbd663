//! Customers, and the portal in which they manage invoices and payment methods.

use domain::UserId;
use stripe_billing::billing_portal_session::CreateBillingPortalSession;
use stripe_core::customer::CreateCustomer;

use super::Stripe;
use super::error::StripeError;
use super::request::{metadata, random_key};
use super::wire::{Object, PortalSession};

impl Stripe {
    /// Creates a customer for `user` and returns its id. The same `key` returns the same customer
    /// for at least a day.
    pub async fn create_customer(&self, user: UserId, key: &str) -> Result<String, StripeError> {
        let customer: Object = self.send(&CreateCustomer::new().metadata(metadata(user)), key).await?;
        Ok(customer.id)
    }

    /// Opens a portal session for `customer` and returns its URL.
    pub async fn create_portal(&self, customer: &str, return_url: &str) -> Result<String, StripeError> {
        let request = CreateBillingPortalSession::new().customer(customer).return_url(return_url);
        let portal: PortalSession = self.send(&request, &random_key()).await?;
        Ok(portal.url)
    }
}
