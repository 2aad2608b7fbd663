//! Creates the customer at Stripe for a user.

use app::AppState;
use domain::{Tier, UserId};
use store::{Client, StoreError, subscriptions};
use web::ApiError;

use crate::errors::already_subscribed;

/// Returns the user's customer id at Stripe. Creates a customer when there is none, or when the
/// stored one is `missing` at Stripe. Commits before it returns, so that no payment can belong to a
/// customer that this database does not know.
pub(crate) async fn find_or_create(
    app: &AppState,
    db: &mut Client,
    user: UserId,
    missing: Option<&str>,
) -> Result<String, ApiError> {
    let account = subscriptions::find(db, user).await?.ok_or_else(|| ApiError::not_found("account"))?;
    // An operator put this user on Pro by hand. A subscription would take that over.
    if account.tier == Tier::Pro && account.customer_id.is_none() {
        return Err(already_subscribed());
    }
    let is_usable = |customer: &String| missing != Some(customer.as_str());
    if let Some(customer) = account.customer_id.filter(is_usable) {
        return Ok(customer);
    }
    subscriptions::insert(db, user, app.clock.now()).await?;
    let transaction = db.transaction().await.map_err(StoreError::from)?;
    let account =
        subscriptions::find_for_update(&transaction, user).await?.filter(|account| !account.is_deleted);
    let account = account.ok_or_else(|| ApiError::not_found("account"))?;
    // A concurrent request may have created the customer before this one got the lock.
    if let Some(customer) = account.customer_id.clone().filter(is_usable) {
        return Ok(customer);
    }
    // When this request dies before it commits, the next one gets the same customer by the same
    // idempotency key. The key changes each minute, because Stripe also replays its own failures.
    // After that the next request creates another customer, and the first one is never used.
    let (minute, after) = (app.clock.now().timestamp() / 60, missing.unwrap_or("none"));
    let key = format!("customer-{user}-after-{after}-{minute}");
    let customer = app.stripe()?.create_customer(user, &key).await?;
    subscriptions::update_customer(&transaction, &account, &customer, app.clock.now()).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(customer)
}
