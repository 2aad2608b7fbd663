//! Subscriptions.

use domain::UserId;
use domain::subscription::{Subscription, SubscriptionDetails, SubscriptionStatus};
use miniserde::Deserialize;
use stripe_billing::subscription::{
    CancelSubscription, ListSubscription, ListSubscriptionStatus, RetrieveSubscription, UpdateSubscription,
};

use super::Stripe;
use super::error::StripeError;
use super::request::{FormRequest, PAGE_SIZE, random_key};
use super::wire::{Metadata, Object, Page, from_unix_seconds, user_id};

impl Stripe {
    /// All subscriptions that `customer` has or had.
    pub async fn list_subscriptions(&self, customer: &str) -> Result<Vec<Subscription>, StripeError> {
        let request =
            ListSubscription::new().customer(customer).status(ListSubscriptionStatus::All).limit(PAGE_SIZE);
        let page: Page<SubscriptionResponse> = self.read(&request).await?;
        Ok(page.data.into_iter().map(Into::into).collect())
    }

    /// The next page of the subscriptions of all customers that have not ended, `after` the last
    /// one of the page before.
    pub async fn list_all_subscriptions(
        &self,
        after: Option<&str>,
    ) -> Result<Vec<OwnedSubscription>, StripeError> {
        let mut request = ListSubscription::new().limit(PAGE_SIZE);
        if let Some(after) = after {
            request = request.starting_after(after);
        }
        let page: Page<OwnerResponse> = self.read(&request).await?;
        Ok(page.data.into_iter().map(Into::into).collect())
    }

    /// One subscription.
    pub async fn find_subscription(&self, id: &str) -> Result<Subscription, StripeError> {
        let subscription: SubscriptionResponse = self.read(&RetrieveSubscription::new(id)).await?;
        Ok(subscription.into())
    }

    /// Sets whether a subscription ends with its current period or renews. A renewal also removes an
    /// end date that the portal or the dashboard has set.
    pub async fn set_cancel_at_period_end(
        &self,
        id: &str,
        cancel: bool,
    ) -> Result<Subscription, StripeError> {
        let request = UpdateSubscription::new(id).cancel_at_period_end(cancel);
        let updated: SubscriptionResponse = self.send(&request, &random_key()).await?;
        if cancel || updated.cancel_at.is_none() {
            return Ok(updated.into());
        }
        // Only an empty string removes the date, which async-stripe's type cannot express.
        let path = format!("/subscriptions/{id}");
        let request = FormRequest { path, fields: &[("cancel_at", "")] };
        let updated: SubscriptionResponse = self.send(&request, &random_key()).await?;
        Ok(updated.into())
    }

    /// Ends a subscription at once and returns it. `None` when it does not exist or has ended already.
    pub async fn cancel_subscription(&self, id: &str) -> Result<Option<Subscription>, StripeError> {
        let request = CancelSubscription::new(id);
        match self.send::<SubscriptionResponse>(&request, &random_key()).await {
            Ok(cancelled) => Ok(Some(cancelled.into())),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A subscription, its customer, and the user that its metadata names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedSubscription {
    /// The subscription's id.
    pub id: String,
    /// The customer's id.
    pub customer_id: String,
    /// The user.
    pub user_id: Option<UserId>,
}

#[derive(Deserialize)]
struct OwnerResponse {
    id: String,
    customer: String,
    metadata: Option<Metadata>,
}

impl From<OwnerResponse> for OwnedSubscription {
    fn from(response: OwnerResponse) -> Self {
        let user_id = user_id(response.metadata.as_ref());
        Self { id: response.id, customer_id: response.customer, user_id }
    }
}

#[derive(Deserialize)]
struct SubscriptionResponse {
    id: String,
    status: String,
    created: i64,
    cancel_at_period_end: bool,
    cancel_at: Option<i64>,
    ended_at: Option<i64>,
    items: Page<Item>,
    metadata: Option<Metadata>,
    latest_invoice: Option<String>,
}

/// Since the API version `2025-03-31.basil`, only items have periods.
#[derive(Deserialize)]
struct Item {
    current_period_start: i64,
    current_period_end: i64,
    price: Option<Object>,
}

impl SubscriptionResponse {
    /// The item whose period ends first. Items can have periods of different lengths.
    fn first_to_end(&self) -> Option<&Item> {
        self.items.data.iter().min_by_key(|item| item.current_period_end)
    }

    /// Whether it ends with its current period: by its flag, or by a date, as the portal sets it.
    fn ends_with_period(&self) -> bool {
        let end = self.first_to_end().map(|item| item.current_period_end);
        self.cancel_at_period_end || self.cancel_at.zip(end).is_some_and(|(at, end)| at <= end)
    }

    /// When it ends, in seconds since 1970.
    fn ends_at(&self) -> Option<i64> {
        let with_period = self.first_to_end().filter(|_| self.cancel_at_period_end);
        let dates = [self.cancel_at, with_period.map(|item| item.current_period_end)];
        self.ended_at.or_else(|| dates.into_iter().flatten().min())
    }
}

impl From<SubscriptionResponse> for Subscription {
    fn from(response: SubscriptionResponse) -> Self {
        let item = response.first_to_end();
        Self {
            ends_at: response.ends_at().map(from_unix_seconds),
            cancel_at_period_end: response.ends_with_period(),
            period_start: item.map(|item| from_unix_seconds(item.current_period_start)),
            period_end: item.map(|item| from_unix_seconds(item.current_period_end)),
            status: response.status.as_str().try_into().unwrap_or(SubscriptionStatus::Unknown),
            created_at: from_unix_seconds(response.created),
            past_due_since: None,
            invoice_url: None,
            details: SubscriptionDetails {
                user_id: user_id(response.metadata.as_ref()),
                latest_invoice_id: response.latest_invoice,
                price_ids: response.items.data.into_iter().filter_map(|item| Some(item.price?.id)).collect(),
            },
            id: response.id,
        }
    }
}
