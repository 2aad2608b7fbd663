//! Customers at Stripe that no account has, although a subscription of theirs names a user in its
//! metadata: after a restore of an older database, or when an operator or another program has
//! created them.
//!
//! Such a customer becomes the user's if that is safe. Otherwise an operator must decide, and the
//! user can open no checkout page until then, because a second payment would follow.

use app::AppState;
use clients::stripe::Customer;
use domain::{Tier, UserId};
use store::{Client, subscriptions, unknown_customers};
use tracing::warn;

use super::{BillingError, LockedAccount};

/// What became of an unknown customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// It is the customer of the user now, whose plan follows from its subscriptions.
    Adopted,
    /// An operator must decide, for this reason.
    Refused(&'static str),
    /// None of its subscriptions to the plan is in force and names the user.
    Irrelevant,
}

/// Resolves the unknown `customer`, a subscription of which names `user`. Reads everything from
/// Stripe again: an event may be old. After an error the user can open no checkout page until a
/// later call succeeds.
pub async fn resolve_unknown_customer(
    app: &AppState,
    db: &mut Client,
    user: UserId,
    customer: &str,
) -> Result<Resolution, BillingError> {
    let names = match app.stripe()?.find_customer(customer).await? {
        Customer::Present { user_id } => user_id,
        Customer::Missing => {
            return Ok(Resolution::Refused("the account of the key does not have the customer"));
        }
        Customer::Deleted => return forget(db, user, customer).await,
    };
    if list_live_subscriptions(app, user, customer).await?.is_empty() {
        return forget(db, user, customer).await;
    }
    // Stored before the lock: from now on no checkout page opens, whatever fails below.
    let now = app.clock.now();
    if !unknown_customers::insert(db, user, customer, now).await? {
        return Ok(Resolution::Refused("the account does not exist"));
    }
    subscriptions::insert(db, user, now).await?;
    let Some(account) = LockedAccount::open(app, db, user).await? else {
        return Ok(Resolution::Refused("the account does not exist"));
    };
    // A page that was opened before could be paid too.
    account.close_checkout_pages().await?;
    if names != Some(user) {
        return Ok(Resolution::Refused("the metadata of the customer does not name the user"));
    }
    account.adopt(customer).await
}

/// Resolves all unknown customers that name `user`. Returns whether none is left.
pub async fn resolve_unknown_customers(
    app: &AppState,
    db: &mut Client,
    user: UserId,
) -> Result<bool, BillingError> {
    let mut is_resolved = true;
    for customer in unknown_customers::list(db, user).await? {
        let resolution = resolve_unknown_customer(app, db, user, &customer).await?;
        is_resolved &= !matches!(resolution, Resolution::Refused(_));
    }
    Ok(is_resolved)
}

/// The ids of the subscriptions of `customer` to the plan that have not ended and name `user`.
pub(super) async fn list_live_subscriptions(
    app: &AppState,
    user: UserId,
    customer: &str,
) -> Result<Vec<String>, BillingError> {
    let found = match app.stripe()?.list_subscriptions(customer).await {
        Err(error) if error.is_missing_customer() => Vec::new(),
        found => found?,
    };
    let billing = &app.config.billing;
    let live = found.into_iter().filter(|one| {
        let details = &one.details;
        !one.status.is_over() && details.user_id == Some(user) && billing.includes_plan(&details.price_ids)
    });
    Ok(live.map(|one| one.id).collect())
}

async fn forget(db: &Client, user: UserId, customer: &str) -> Result<Resolution, BillingError> {
    unknown_customers::delete(db, user, customer).await?;
    Ok(Resolution::Irrelevant)
}

impl LockedAccount<'_> {
    /// Makes `customer` the customer of this account, unless the account has another customer whose
    /// subscriptions are in force, or a plan that an operator granted. The checkout pages of the
    /// customer before are closed.
    async fn adopt(mut self, customer: &str) -> Result<Resolution, BillingError> {
        let is_adopted = self.customer_id() == Some(customer);
        if self.customer_id().is_none() && self.account.tier == Tier::Pro {
            return Ok(Resolution::Refused("an operator granted the user Pro"));
        }
        let found = self.subscriptions().await?;
        if !is_adopted && found.is_some_and(|found| found.iter_all().any(|one| !one.status.is_over())) {
            return Ok(Resolution::Refused("the user has another customer with a subscription"));
        }
        self.account.customer_id = Some(customer.to_owned());
        self.account.subscription = None;
        let Some(found) = self.subscriptions().await? else { return Ok(Resolution::Irrelevant) };
        let now = self.app.clock.now();
        subscriptions::update_customer(&self.transaction, &self.account, customer, now).await?;
        let user = self.account.user_id;
        unknown_customers::delete(&self.transaction, user, customer).await?;
        self.commit(found).await?;
        warn!(user.id = %user, stripe.customer = customer, "adopted a customer whose subscription names the user");
        Ok(Resolution::Adopted)
    }
}
