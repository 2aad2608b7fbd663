//! Opening a checkout page: one at a time for a person, who is one customer, however many requests there are at once.
//!
//! Two locks on the person's row: under the first they become a customer, which is committed before there is a page on which
//! they could pay; under the second Stripe is asked what they have already.

use app::AppState;
use axum::http::StatusCode;
use clients::stripe::{CheckoutSession, NewCheckout, Stripe, StripeError};
use domain::subscription::{self, Subscription, SubscriptionStatus};
use domain::{Tier, UserId};
use serde::{Deserialize, Serialize};
use store::subscriptions::{self, BillingAccount};
use store::{Client, StoreError, Transaction};
use tracing::warn;
use web::ApiError;

use crate::changing::payment_pending;

/// Where a person goes from the page.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) success_url: String,
    pub(crate) cancel_url: String,
}

/// A page that is open.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OpenPage {
    pub(crate) session_id: String,
    pub(crate) checkout_url: String,
}

/// Opens a page for `user`, or finds the one that is.
pub(crate) async fn open(app: &AppState, user: UserId, page: &Page) -> Result<OpenPage, ApiError> {
    let mut db = app.db().await?;
    let customer = become_customer(app, &mut db, user, None).await?;
    if let Some(opened) = open_as(app, &mut db, user, &customer, page).await? {
        return Ok(opened);
    }
    warn!(user.id = %user, stripe.customer = customer, "a customer is gone at Stripe, and is made anew");
    let customer = become_customer(app, &mut db, user, Some(&customer)).await?;
    let opened = open_as(app, &mut db, user, &customer, page).await?;
    opened.ok_or_else(|| ApiError::internal("stripe does not know a customer that it has just made"))
}

/// Opens a page for `user`, whom Stripe knows as `customer`; `None` where it does not, and they have nothing there that could be
/// lost.
async fn open_as(
    app: &AppState,
    db: &mut Client,
    user: UserId,
    customer: &str,
    page: &Page,
) -> Result<Option<OpenPage>, ApiError> {
    let transaction = db.transaction().await.map_err(StoreError::from)?;
    let account = lock(&transaction, user).await?;
    // In this order: what was paid for on one of these pages since they were looked at is among the subscriptions.
    let pages = match app.stripe()?.list_open_checkouts(customer).await {
        Err(error) if error.is_missing_customer() && !pays(&account) => {
            return Ok(None);
        }
        pages => pages?,
    };
    let found = app.ask(&account, customer).await?;
    if let Some(refusal) = found.iter().find_map(in_the_way) {
        let settled = app.settle(&transaction, &account, found).await?;
        transaction.commit().await.map_err(StoreError::from)?;
        app.announce(db, user, &settled).await;
        return Err(refusal);
    }
    let billing = &app.config.billing;
    let wanted = NewCheckout {
        customer_id: customer,
        user_id: user,
        price_id: &billing.price_id,
        success_url: &page.success_url,
        cancel_url: &page.cancel_url,
        tax_id_collection: billing.tax_id_collection,
        billing_address: billing.billing_address,
    };
    let session = match only_page(app.stripe()?, pages, &wanted).await {
        Err(PageError::Stripe(error)) if error.is_missing_customer() => return Ok(None),
        session => session?,
    };
    // Only now is anything written: whoever signs in meanwhile is not to wait for Stripe.
    let settled = app.settle(&transaction, &account, found).await?;
    let (now, expires_at) = (app.clock.now(), session.expires_at());
    let review_at = subscription::next_checkout_review_at(now, now, expires_at);
    subscriptions::update_checkout(&transaction, &account, expires_at, review_at, now).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    app.announce(db, user, &settled).await;
    let checkout_url = session.url.ok_or_else(|| ApiError::internal("a new checkout page has no address"))?;
    Ok(Some(OpenPage { session_id: session.id, checkout_url }))
}

fn pays(account: &BillingAccount) -> bool {
    account.subscription.as_ref().is_some_and(|one| !one.status.is_over())
}

/// Who `user` is to Stripe: the customer of before, or a new one if that is `gone`.
async fn become_customer(
    app: &AppState,
    db: &mut Client,
    user: UserId,
    gone: Option<&str>,
) -> Result<String, ApiError> {
    let known = subscriptions::find(db, user).await?.ok_or_else(|| ApiError::not_found("account"))?;
    // Somebody has put them there by hand, and Stripe is not to have a say in it.
    if known.tier == Tier::Pro && known.customer_id.is_none() {
        return Err(already_subscribed());
    }
    let is_there = |customer: &String| gone != Some(customer.as_str());
    if let Some(customer) = known.customer_id.filter(is_there) {
        return Ok(customer);
    }
    subscriptions::insert(db, user, app.clock.now()).await?;
    let transaction = db.transaction().await.map_err(StoreError::from)?;
    let account = lock(&transaction, user).await?;
    // Somebody else may have been faster.
    if let Some(customer) = account.customer_id.clone().filter(is_there) {
        return Ok(customer);
    }
    // Should this be killed before it commits, the next request gets the same customer by the same key: for a minute, for a
    // fault of Stripe's is kept under its key too. After that it is another one, and the first is nobody's.
    let (minute, after) = (app.clock.now().timestamp() / 60, gone.unwrap_or("none"));
    let key = format!("customer-{user}-after-{after}-{minute}");
    let customer = app.stripe()?.create_customer(user, &key).await?;
    subscriptions::update_customer(&transaction, &account, &customer, app.clock.now()).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(customer)
}

async fn lock(transaction: &Transaction<'_>, user: UserId) -> Result<BillingAccount, ApiError> {
    let account = subscriptions::find_for_update(transaction, user).await?;
    account.filter(|account| !account.is_deleted).ok_or_else(|| ApiError::not_found("account"))
}

/// Why there is no page.
enum PageError {
    Stripe(StripeError),
    Refused(ApiError),
}

impl From<StripeError> for PageError {
    fn from(error: StripeError) -> Self {
        Self::Stripe(error)
    }
}

impl From<PageError> for ApiError {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Stripe(error) => error.into(),
            PageError::Refused(error) => error,
        }
    }
}

/// Of `pages`, which are open, leaves the `wanted` one, and opens it if it is not among them.
async fn only_page(
    stripe: &Stripe,
    pages: Vec<CheckoutSession>,
    wanted: &NewCheckout<'_>,
) -> Result<CheckoutSession, PageError> {
    let mut kept = None;
    for page in pages {
        if kept.is_none() && page.is_for(wanted) {
            kept = Some(page);
        } else if !stripe.expire_checkout(&page.id).await? {
            let detail = "something is just being paid on another page; ask again in a moment";
            let error = ApiError::new(StatusCode::CONFLICT, "checkout_changed", detail);
            return Err(PageError::Refused(error));
        }
    }
    match kept {
        Some(page) => Ok(page),
        None => Ok(stripe.create_checkout(wanted).await?),
    }
}

/// Why somebody with this `subscription` may not buy another.
fn in_the_way(subscription: &Subscription) -> Option<ApiError> {
    match subscription.status {
        SubscriptionStatus::Active | SubscriptionStatus::Trialing => Some(already_subscribed()),
        SubscriptionStatus::PastDue
        | SubscriptionStatus::Unpaid
        | SubscriptionStatus::Paused
        | SubscriptionStatus::Unknown => {
            let detail =
                "there is a subscription whose payment is to be seen to: POST /api/subscription/portal";
            Some(ApiError::new(StatusCode::CONFLICT, "payment_due", detail))
        }
        SubscriptionStatus::Incomplete => Some(payment_pending()),
        SubscriptionStatus::Canceled | SubscriptionStatus::IncompleteExpired => None,
    }
}

fn already_subscribed() -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "already_subscribed", "this account is on the Pro plan already")
}
