//! Customers, and the portal in which they manage invoices and payment methods.

use domain::UserId;
use miniserde::Deserialize;
use stripe_billing::billing_portal_session::CreateBillingPortalSession;
use stripe_core::customer::CreateCustomer;

use super::Stripe;
use super::error::StripeError;
use super::request::{GetRequest, metadata, random_key};
use super::wire::{Metadata, Object, PortalSession, user_id};

/// A customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Customer {
    /// It exists.
    Present {
        /// The user that its metadata names.
        user_id: Option<UserId>,
    },
    /// It was deleted, which has ended its subscriptions.
    Deleted,
    /// The account of the key does not have it.
    Missing,
}

#[derive(Deserialize)]
struct CustomerResponse {
    deleted: Option<bool>,
    metadata: Option<Metadata>,
}

impl Stripe {
    /// The customer `id`.
    pub async fn find_customer(&self, id: &str) -> Result<Customer, StripeError> {
        let request = GetRequest { path: format!("/customers/{id}"), query: &[] };
        match self.read::<CustomerResponse>(&request).await {
            Ok(CustomerResponse { deleted: Some(true), .. }) => Ok(Customer::Deleted),
            Ok(found) => Ok(Customer::Present { user_id: user_id(found.metadata.as_ref()) }),
            Err(error) if error.is_not_found() => Ok(Customer::Missing),
            Err(error) => Err(error),
        }
    }

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
