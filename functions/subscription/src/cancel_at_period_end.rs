//! Schedules or withdraws the cancellation of a subscription. Shared by `cancel_subscription` and
//! `reactivate_subscription`.

use app::AppState;
use domain::UserId;
use domain::subscription::{Subscription, SubscriptionStatus};
use services::billing::LockedAccount;
use web::ApiError;

use crate::change_limit;
use crate::errors::{change_refused, no_subscription, payment_pending};

/// Sets whether all subscriptions of `user` end with the current period. Cancels those with an open
/// payment at once, because Stripe would collect it until the period ends. Returns the changed
/// subscription that decides the plan.
pub(crate) async fn set_cancel_at_period_end(
    app: &AppState,
    user: UserId,
    cancel: bool,
) -> Result<Subscription, ApiError> {
    change_limit::charge(app, user).await?;
    let mut db = app.db().await?;
    let account = LockedAccount::open(app, &mut db, user).await?.ok_or_else(no_subscription)?;
    let mut found = account.subscriptions().await?.ok_or_else(no_subscription)?;
    let was_changeable = found.iter().any(is_changeable);
    if cancel {
        let has_open_payment = |one: &Subscription| one.status.has_open_payment();
        account.cancel_at_once(&mut found, has_open_payment).await.map_err(change_refused)?;
    }
    account.set_cancel_at_period_end(&mut found, cancel, is_changeable).await.map_err(change_refused)?;
    match account.commit(found).await?.subscription {
        Some(one) if one.status == SubscriptionStatus::Incomplete => Err(payment_pending()),
        subscription => subscription.filter(|_| was_changeable).ok_or_else(no_subscription),
    }
}

/// Stripe rejects changes to a subscription that has not started or is over.
fn is_changeable(subscription: &Subscription) -> bool {
    !subscription.status.is_over() && subscription.status != SubscriptionStatus::Incomplete
}
