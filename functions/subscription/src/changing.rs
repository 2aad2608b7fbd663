//! Whether a subscription ends with its period: the two ways of saying so.

use app::AppState;
use axum::http::StatusCode;
use domain::UserId;
use domain::subscription::{Subscription, SubscriptionStatus};
use store::{StoreError, subscriptions};
use web::ApiError;

/// Has all that `user` pays for end with the period that runs, or go on after all; answers the subscription that counts as it
/// is then.
pub(crate) async fn set_cancel_at_period_end(
    app: &AppState,
    user: UserId,
    cancel: bool,
) -> Result<Subscription, ApiError> {
    let mut db = app.db().await?;
    let transaction = db.transaction().await.map_err(StoreError::from)?;
    let account = subscriptions::find_for_update(&transaction, user).await?.ok_or_else(none)?;
    let customer = account.customer_id.as_ref().ok_or_else(none)?;
    let (now, mut found) = (app.clock.now(), app.ask(&account, customer).await?);
    for one in found.iter_mut().filter(|one| can_change(one) && one.cancel_at_period_end != cancel) {
        let changed = app.stripe()?.set_cancel_at_period_end(&one.id, cancel).await?;
        *one = changed.with_past_due_since(account.subscription.as_ref(), now);
    }
    let settled = app.settle(&transaction, &account, found).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    app.announce(&db, user, &settled).await;
    match settled.subscription {
        Some(one) if one.status == SubscriptionStatus::Incomplete => Err(payment_pending()),
        subscription => subscription.filter(can_change).ok_or_else(none),
    }
}

/// Stripe changes nothing about one that has not begun, and nothing about one that is over.
fn can_change(subscription: &Subscription) -> bool {
    !subscription.status.is_over() && subscription.status != SubscriptionStatus::Incomplete
}

fn none() -> ApiError {
    let detail = "there is no subscription that lasts; POST /api/subscription/pro begins one";
    ApiError::new(StatusCode::NOT_FOUND, "no_subscription", detail)
}

/// 409: a subscription whose first payment is neither made nor given up.
pub(crate) fn payment_pending() -> ApiError {
    let detail = "a first payment is under way; it is made or given up within a day";
    ApiError::new(StatusCode::CONFLICT, "payment_pending", detail)
}
