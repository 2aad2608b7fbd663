//! Checkout pages, on which a customer pays for a subscription.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::UserId;
use miniserde::Deserialize;
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionCustomerUpdate, CreateCheckoutSessionCustomerUpdateAddress,
    CreateCheckoutSessionCustomerUpdateName, CreateCheckoutSessionLineItems,
    CreateCheckoutSessionSubscriptionData, CreateCheckoutSessionTaxIdCollection, ExpireCheckoutSession,
    ListCheckoutSession,
};
use stripe_checkout::{CheckoutSessionBillingAddressCollection, CheckoutSessionMode, CheckoutSessionStatus};

use super::Stripe;
use super::error::StripeError;
use super::request::{PAGE_SIZE, metadata, random_key};
use super::wire::{Object, Page, from_unix_seconds};

/// The field of a checkout page's metadata that names its price.
const PRICE_ID: &str = "price_id";
/// The field that names the days of its trial, if it offers one. Stripe does not return them.
const TRIAL_DAYS: &str = "trial_days";

/// Whether a checkout page asks for a billing address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BillingAddress {
    /// Only when the payment or its tax needs one.
    Auto,
    /// Always.
    Required,
}

impl From<BillingAddress> for CheckoutSessionBillingAddressCollection {
    fn from(address: BillingAddress) -> Self {
        match address {
            BillingAddress::Auto => Self::Auto,
            BillingAddress::Required => Self::Required,
        }
    }
}

/// A checkout page about to be opened.
#[derive(Debug, Clone, Copy)]
pub struct NewCheckout<'a> {
    /// Stripe's id of the customer who pays.
    pub customer_id: &'a str,
    /// The user that the customer belongs to.
    pub user_id: UserId,
    /// The price to pay.
    pub price_id: &'a str,
    /// The page to return to after payment.
    pub success_url: &'a str,
    /// The page to return to without payment.
    pub cancel_url: &'a str,
    /// Whether the customer may enter a tax id.
    pub tax_id_collection: bool,
    /// Whether the customer must enter a billing address.
    pub billing_address: BillingAddress,
    /// The length of the trial period in days; `None` for no trial.
    pub trial_days: Option<u32>,
    /// Whether the customer may enter a promotion code.
    pub promotion_codes: bool,
}

/// A checkout page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CheckoutSession {
    /// Its id.
    pub id: String,
    /// Its URL, while it is open.
    pub url: Option<String>,
    /// The page to return to after payment.
    pub success_url: Option<String>,
    /// The page to return to without payment.
    pub cancel_url: Option<String>,
    expires_at: i64,
    metadata: Option<HashMap<String, String>>,
    allow_promotion_codes: Option<bool>,
}

impl CheckoutSession {
    /// Whether the page is open and equals the one that would be opened for `new`.
    #[must_use]
    pub fn is_for(&self, new: &NewCheckout<'_>) -> bool {
        let field = |name| self.metadata.as_ref()?.get(name).map(String::as_str);
        let trial_days = new.trial_days.map(|days| days.to_string());
        let (actual, wanted) = (
            [self.success_url.as_deref(), self.cancel_url.as_deref(), field(PRICE_ID), field(TRIAL_DAYS)],
            [Some(new.success_url), Some(new.cancel_url), Some(new.price_id), trial_days.as_deref()],
        );
        let promotion_codes = self.allow_promotion_codes.unwrap_or_default();
        actual == wanted && promotion_codes == new.promotion_codes && self.url.is_some()
    }

    /// When the page expires.
    #[must_use]
    pub fn expires_at(&self) -> DateTime<Utc> {
        from_unix_seconds(self.expires_at)
    }
}

impl Stripe {
    /// The checkout pages on which `customer` can still pay.
    pub async fn list_open_checkouts(&self, customer: &str) -> Result<Vec<CheckoutSession>, StripeError> {
        let request = ListCheckoutSession::new()
            .customer(customer)
            .status(CheckoutSessionStatus::Open)
            .limit(PAGE_SIZE);
        let page: Page<CheckoutSession> = self.read(&request).await?;
        Ok(page.data)
    }

    /// Opens a checkout page.
    pub async fn create_checkout(&self, new: &NewCheckout<'_>) -> Result<CheckoutSession, StripeError> {
        let line = CreateCheckoutSessionLineItems {
            price: Some(new.price_id.to_owned()),
            quantity: Some(1),
            ..CreateCheckoutSessionLineItems::new()
        };
        let subscription = CreateCheckoutSessionSubscriptionData {
            metadata: Some(metadata(new.user_id)),
            trial_period_days: new.trial_days,
            ..CreateCheckoutSessionSubscriptionData::new()
        };
        let mut session_metadata = metadata(new.user_id);
        session_metadata.insert(PRICE_ID.to_owned(), new.price_id.to_owned());
        if let Some(days) = new.trial_days {
            session_metadata.insert(TRIAL_DAYS.to_owned(), days.to_string());
        }
        let mut request = CreateCheckoutSession::new()
            .mode(CheckoutSessionMode::Subscription)
            .customer(new.customer_id)
            .client_reference_id(new.user_id.to_string())
            .metadata(session_metadata)
            .subscription_data(subscription)
            .line_items(vec![line])
            .success_url(new.success_url)
            .cancel_url(new.cancel_url)
            .billing_address_collection(new.billing_address);
        if new.promotion_codes {
            request = request.allow_promotion_codes(true);
        }
        if new.tax_id_collection {
            // For an existing customer, Stripe requires permission to store what the page asks for.
            request = request
                .tax_id_collection(CreateCheckoutSessionTaxIdCollection::new(true))
                .customer_update(CreateCheckoutSessionCustomerUpdate {
                    address: Some(CreateCheckoutSessionCustomerUpdateAddress::Auto),
                    name: Some(CreateCheckoutSessionCustomerUpdateName::Auto),
                    ..CreateCheckoutSessionCustomerUpdate::new()
                });
        }
        self.send(&request, &random_key()).await
    }

    /// Closes a checkout page. Returns false when the page was no longer open: the customer may
    /// have paid on it.
    pub async fn expire_checkout(&self, id: &str) -> Result<bool, StripeError> {
        match self.send::<Object>(&ExpireCheckoutSession::new(id), &random_key()).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_refused_change() || error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }
}
