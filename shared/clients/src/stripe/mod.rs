//! Stripe: customers, checkout pages, subscriptions, the customer portal.
//!
//! Requests are built by async-stripe's crates, which pin the API's version. They travel over `http`, and what is read of
//! an answer is what `wire` says: async-stripe's own client and types have every object of Stripe's in the program, 8 MB of
//! them, and refuse an answer whole for a field that nobody asked for.
//!
//! Each request that changes something has an idempotency key and is sent a second time under the same one when its answer
//! is lost; under another one when it failed, for Stripe keeps failures too. Waiting longer than that belongs to whoever calls, with the help of [`StripeError::is_passing`].

mod error;
mod http;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::UserId;
use domain::subscription::Subscription;
use miniserde::Deserialize;
use secrecy::SecretString;
use stripe_billing::billing_portal_session::CreateBillingPortalSession;
use stripe_billing::subscription::{
    CancelSubscription, ListSubscription, ListSubscriptionStatus, RetrieveSubscription, UpdateSubscription,
};
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionCustomerUpdate, CreateCheckoutSessionCustomerUpdateAddress,
    CreateCheckoutSessionCustomerUpdateName, CreateCheckoutSessionLineItems,
    CreateCheckoutSessionSubscriptionData, CreateCheckoutSessionTaxIdCollection, ExpireCheckoutSession,
    ListCheckoutSession,
};
use stripe_checkout::{CheckoutSessionMode, CheckoutSessionStatus};
use stripe_client_core::{IdempotencyKey, RequestBuilder, RequestStrategy, StripeMethod, StripeRequest};
use stripe_core::customer::CreateCustomer;
use stripe_product::price::RetrievePrice;
use tokio::time::sleep;
use uuid::Uuid;

pub use self::error::{StripeError, StripeSetupError};
use self::http::Http;
pub use self::wire::{CheckoutSession, Price};

/// How often a request is sent at the most.
const ATTEMPTS: u32 = 2;

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(250);

/// What a checkout page's metadata has of what is sold on it.
const PRICE_ID: &str = "price_id";

/// The most of one customer's subscriptions or open checkout pages that are looked at: the most on one of Stripe's pages.
const PAGE: i64 = 100;

/// Where Stripe is and how to speak to it.
#[derive(Debug)]
pub struct StripeConfig {
    /// Scheme and host, such as `https://api.stripe.com`, without `/v1`.
    pub base_url: String,
    /// The secret key of the account, `sk_...`, or a restricted one, `rk_...`.
    pub secret_key: SecretString,
}

/// Whether a checkout page asks for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BillingAddress {
    /// Where the payment or its tax needs one.
    Auto,
    /// Always.
    Required,
}

/// A checkout page about to be opened.
#[derive(Debug, Clone, Copy)]
pub struct NewCheckout<'a> {
    /// Who pays, as Stripe knows them.
    pub customer_id: &'a str,
    /// Who pays, as we know them.
    pub user_id: UserId,
    /// What is bought.
    pub price_id: &'a str,
    /// Where they are sent once they have paid.
    pub success_url: &'a str,
    /// Where they are sent if they would rather not.
    pub cancel_url: &'a str,
    /// Whether they may give a tax id.
    pub tax_id_collection: bool,
    /// Whether they must give an address.
    pub billing_address: BillingAddress,
}

/// Stripe. Cloning shares the connections.
#[derive(Debug, Clone)]
pub struct Stripe {
    http: Http,
}

impl Stripe {
    /// Builds the client. Nothing is connected yet.
    ///
    /// # Errors
    /// When the base URL, the key or the HTTP client's settings are not usable.
    pub fn new(config: &StripeConfig) -> Result<Self, StripeSetupError> {
        Ok(Self { http: Http::new(&config.base_url, &config.secret_key)? })
    }

    /// Creates the customer that `user` is, and answers its id: the same one for the same `key`, for a day at least.
    ///
    /// # Errors
    /// As every call: a [`StripeError`].
    pub async fn create_customer(&self, user: UserId, key: &str) -> Result<String, StripeError> {
        let customer: wire::Named = self.send(&CreateCustomer::new().metadata(metadata(user)), key).await?;
        Ok(customer.id)
    }

    /// All subscriptions that `customer` has or had.
    ///
    /// # Errors
    /// As every call.
    pub async fn list_subscriptions(&self, customer: &str) -> Result<Vec<Subscription>, StripeError> {
        let request =
            ListSubscription::new().customer(customer).status(ListSubscriptionStatus::All).limit(PAGE);
        let page: wire::Page<wire::Subscription> = self.read(&request).await?;
        Ok(page.data.into_iter().map(Into::into).collect())
    }

    /// One subscription.
    ///
    /// # Errors
    /// As every call.
    pub async fn find_subscription(&self, id: &str) -> Result<Subscription, StripeError> {
        let subscription: wire::Subscription = self.read(&RetrieveSubscription::new(id)).await?;
        Ok(subscription.into())
    }

    /// Has a subscription end when what is paid for does, or go on after all.
    ///
    /// # Errors
    /// As every call.
    pub async fn set_cancel_at_period_end(
        &self,
        id: &str,
        cancel: bool,
    ) -> Result<Subscription, StripeError> {
        let request = UpdateSubscription::new(id).cancel_at_period_end(cancel);
        let updated: wire::Subscription = self.send(&request, &random_key()).await?;
        if cancel || !updated.ends() {
            return Ok(updated.into());
        }
        // Its end was set as a date, which is how the portal does it. Only an empty text takes it away, which
        // async-stripe's type cannot be.
        let path = format!("/subscriptions/{id}");
        let request = Form { path, fields: &[("cancel_at", "")] };
        let updated: wire::Subscription = self.send(&request, &random_key()).await?;
        Ok(updated.into())
    }

    /// Ends a subscription at once. One that has ended already is no error.
    ///
    /// # Errors
    /// As every call.
    pub async fn cancel_subscription(&self, id: &str) -> Result<(), StripeError> {
        match self.send::<wire::Named>(&CancelSubscription::new(id), &random_key()).await {
            Err(error) if !error.is_missing() => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The checkout pages of `customer` on which they can still pay.
    ///
    /// # Errors
    /// As every call.
    pub async fn list_open_checkouts(&self, customer: &str) -> Result<Vec<CheckoutSession>, StripeError> {
        let request =
            ListCheckoutSession::new().customer(customer).status(CheckoutSessionStatus::Open).limit(PAGE);
        let page: wire::Page<CheckoutSession> = self.read(&request).await?;
        Ok(page.data)
    }

    /// Opens a checkout page.
    ///
    /// # Errors
    /// As every call.
    pub async fn create_checkout(&self, new: &NewCheckout<'_>) -> Result<CheckoutSession, StripeError> {
        let line = CreateCheckoutSessionLineItems {
            price: Some(new.price_id.to_owned()),
            quantity: Some(1),
            ..CreateCheckoutSessionLineItems::new()
        };
        let subscription = CreateCheckoutSessionSubscriptionData {
            metadata: Some(metadata(new.user_id)),
            ..CreateCheckoutSessionSubscriptionData::new()
        };
        let mut sold = metadata(new.user_id);
        sold.insert(PRICE_ID.to_owned(), new.price_id.to_owned());
        let mut request = CreateCheckoutSession::new()
            .mode(CheckoutSessionMode::Subscription)
            .customer(new.customer_id)
            .client_reference_id(new.user_id.to_string())
            .metadata(sold)
            .subscription_data(subscription)
            .line_items(vec![line])
            .success_url(new.success_url)
            .cancel_url(new.cancel_url)
            .billing_address_collection(new.billing_address);
        if new.tax_id_collection {
            // A customer who was there before must be allowed to be changed by what is asked for.
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

    /// Closes a checkout page. Answers whether nobody can have paid on it: it was open until now.
    ///
    /// # Errors
    /// As every call.
    pub async fn expire_checkout(&self, id: &str) -> Result<bool, StripeError> {
        match self.send::<wire::Named>(&ExpireCheckoutSession::new(id), &random_key()).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_refusal() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens the portal in which `customer` sees to their invoices and means of payment, and answers its address.
    ///
    /// # Errors
    /// As every call.
    pub async fn create_portal(&self, customer: &str, return_url: &str) -> Result<String, StripeError> {
        let request = CreateBillingPortalSession::new().customer(customer).return_url(return_url);
        let portal: wire::Portal = self.send(&request, &random_key()).await?;
        Ok(portal.url)
    }

    /// What something costs.
    ///
    /// # Errors
    /// As every call.
    pub async fn find_price(&self, id: &str) -> Result<Price, StripeError> {
        self.read(&RetrievePrice::new(id)).await
    }

    async fn read<T: Deserialize>(&self, request: &(impl StripeRequest + Sync)) -> Result<T, StripeError> {
        self.attempt(request, None).await
    }

    async fn send<T: Deserialize>(
        &self,
        request: &(impl StripeRequest + Sync),
        key: &str,
    ) -> Result<T, StripeError> {
        self.attempt(request, Some(key)).await
    }

    async fn attempt<T: Deserialize>(
        &self,
        request: &(impl StripeRequest + Sync),
        key: Option<&str>,
    ) -> Result<T, StripeError> {
        let (mut attempt, mut key) = (1, key.map(str::to_owned));
        loop {
            let mut request = request.build().customize::<T>();
            if let Some(key) = &key {
                let key = IdempotencyKey::new(key).map_err(|_| StripeError::unusable_key())?;
                request = request.request_strategy(RequestStrategy::Idempotent(key));
            }
            // In a box, for the futures of those who call this would be huge.
            let error = match Box::pin(request.send(&self.http)).await {
                Err(error) if error.is_passing() && attempt < ATTEMPTS => error,
                outcome => return outcome,
            };
            attempt += 1;
            // A fault of Stripe's is kept under its key and answered again; only an answer that was lost is asked for by it.
            if error.is_fault() {
                key = key.map(|key| format!("{key}-{attempt}"));
            }
            sleep(PAUSE).await;
        }
    }
}

/// A request of our own making.
struct Form<'a> {
    path: String,
    fields: &'a [(&'a str, &'a str)],
}

impl StripeRequest for Form<'_> {
    type Output = ();

    fn build(&self) -> RequestBuilder {
        let fields: HashMap<_, _> = self.fields.iter().copied().collect();
        RequestBuilder::new(StripeMethod::Post, &self.path).form(&fields)
    }
}

impl From<BillingAddress> for stripe_checkout::CheckoutSessionBillingAddressCollection {
    fn from(address: BillingAddress) -> Self {
        match address {
            BillingAddress::Auto => Self::Auto,
            BillingAddress::Required => Self::Required,
        }
    }
}

/// Whose it is, written on everything that Stripe keeps for somebody.
fn metadata(user: UserId) -> HashMap<String, String> {
    HashMap::from([("user_id".to_owned(), user.to_string())])
}

/// A key for what does no harm when it is done twice: it keeps a second attempt from being a second request.
fn random_key() -> String {
    Uuid::new_v4().to_string()
}

/// A time of Stripe's, in seconds since 1970.
fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}
