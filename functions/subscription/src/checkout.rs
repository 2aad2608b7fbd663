//! Opens a checkout page: at most one for each user, however many requests run at once.
//!
//! This locks the user's billing account twice. Under the first lock the user becomes a customer at
//! Stripe ([`customer`]). Under the second one it reads the customer's subscriptions from Stripe,
//! closes outdated pages and opens a new one.

use app::AppState;
use clients::stripe::{CheckoutSession, NewCheckout, Stripe, StripeError};
use domain::UserId;
use domain::subscription::{Subscription, SubscriptionStatus};
use serde::{Deserialize, Serialize};
use services::billing::{self, LockedAccount};
use store::{Client, subscriptions};
use tracing::warn;
use web::ApiError;

use crate::customer;
use crate::errors::{
    already_subscribed, checkout_changed, checkout_refused, payment_due, payment_pending,
    subscription_unresolved,
};

/// Where the checkout page redirects to.
#[derive(Debug)]
pub(crate) struct RedirectUrls {
    pub(crate) success_url: String,
    pub(crate) cancel_url: String,
}

/// An open checkout page.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CheckoutPage {
    pub(crate) session_id: String,
    pub(crate) checkout_url: String,
}

/// Opens a checkout page for `user`, or returns the one that is open with the same `redirects`.
pub(crate) async fn open(
    app: &AppState,
    user: UserId,
    redirects: &RedirectUrls,
) -> Result<CheckoutPage, ApiError> {
    let mut db = app.db().await?;
    resolve_unknown_customers(app, &mut db, user).await?;
    let customer = customer::find_or_create(app, &mut db, user, None).await?;
    if let Some(page) = open_page(app, &mut db, user, redirects).await? {
        return Ok(page);
    }
    warn!(user.id = %user, stripe.customer = customer, "a customer is missing at Stripe; creating a new one");
    customer::find_or_create(app, &mut db, user, Some(&customer)).await?;
    let page = open_page(app, &mut db, user, redirects).await?;
    page.ok_or_else(|| ApiError::internal("Stripe does not know a customer that it has just created"))
}

/// Fails while a customer that no account has names `user`: it may pay for them already.
async fn resolve_unknown_customers(app: &AppState, db: &mut Client, user: UserId) -> Result<(), ApiError> {
    let account = subscriptions::find(db, user).await?;
    let is_named = account.is_some_and(|account| account.has_unknown_customer);
    let is_resolved = !is_named || billing::resolve_unknown_customers(app, db, user).await?;
    if is_resolved { Ok(()) } else { Err(subscription_unresolved()) }
}

/// Opens a checkout page for the customer of `user`. `None` when the customer is missing at Stripe
/// and the user has no live subscription that a new customer would lose.
async fn open_page(
    app: &AppState,
    db: &mut Client,
    user: UserId,
    redirects: &RedirectUrls,
) -> Result<Option<CheckoutPage>, ApiError> {
    let account = LockedAccount::open(app, db, user).await?.ok_or_else(|| ApiError::not_found("account"))?;
    if account.has_unknown_customer() {
        return Err(subscription_unresolved());
    }
    let without_customer = || ApiError::internal("the account has no customer at Stripe");
    let customer = account.customer_id().ok_or_else(without_customer)?;
    // Pages before subscriptions: a payment on one of these pages that completes in between shows
    // among the subscriptions.
    let pages = match app.stripe()?.list_open_checkouts(customer).await {
        Err(error) if error.is_missing_customer() && !account.has_live_subscription() => return Ok(None),
        pages => pages?,
    };
    let found = account.subscriptions().await?.ok_or_else(without_customer)?;
    let refusal = found.iter().find_map(find_refusal);
    if let Some(refusal) = refusal {
        account.commit(found).await?;
        return Err(refusal);
    }
    let billing = &app.config.billing;
    let wanted = NewCheckout {
        customer_id: customer,
        user_id: user,
        price_id: &billing.price_id,
        success_url: &redirects.success_url,
        cancel_url: &redirects.cancel_url,
        tax_id_collection: billing.tax_id_collection,
        billing_address: billing.billing_address,
        // Once for each user: with an earlier subscription the user has tried the plan.
        trial_days: billing.trial_days.filter(|_| !account.has_ever_subscribed(&found)),
        promotion_codes: billing.promotion_codes,
    };
    let session = match keep_or_create(app.stripe()?, pages, &wanted).await {
        Err(PageError::Stripe(error)) if error.is_missing_customer() => return Ok(None),
        session => session?,
    };
    account.commit_checkout(found, session.expires_at()).await?;
    let checkout_url = session.url.ok_or_else(|| ApiError::internal("a new checkout page has no URL"))?;
    Ok(Some(CheckoutPage { session_id: session.id, checkout_url }))
}

/// Why no checkout page was opened.
enum PageError {
    Stripe(StripeError),
    /// A page cannot be closed, because a payment is under way on it.
    PaymentUnderWay,
}

impl From<StripeError> for PageError {
    fn from(error: StripeError) -> Self {
        Self::Stripe(error)
    }
}

impl From<PageError> for ApiError {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Stripe(error) => checkout_refused(error.into()),
            PageError::PaymentUnderWay => checkout_changed(),
        }
    }
}

/// Returns the `wanted` page among the open `pages` and closes all others, or creates the page.
async fn keep_or_create(
    stripe: &Stripe,
    pages: Vec<CheckoutSession>,
    wanted: &NewCheckout<'_>,
) -> Result<CheckoutSession, PageError> {
    let mut kept = None;
    for page in pages {
        if kept.is_none() && page.is_for(wanted) {
            kept = Some(page);
        } else if !stripe.expire_checkout(&page.id).await? {
            return Err(PageError::PaymentUnderWay);
        }
    }
    match kept {
        Some(page) => Ok(page),
        None => Ok(stripe.create_checkout(wanted).await?),
    }
}

/// The reason why a user with this `subscription` may not buy another one.
fn find_refusal(subscription: &Subscription) -> Option<ApiError> {
    match subscription.status {
        SubscriptionStatus::Active | SubscriptionStatus::Trialing => Some(already_subscribed()),
        SubscriptionStatus::PastDue
        | SubscriptionStatus::Unpaid
        | SubscriptionStatus::Paused
        | SubscriptionStatus::Unknown => Some(payment_due()),
        SubscriptionStatus::Incomplete => Some(payment_pending()),
        SubscriptionStatus::Canceled | SubscriptionStatus::IncompleteExpired => None,
    }
}
