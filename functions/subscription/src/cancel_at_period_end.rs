//! Schedules or withdraws the cancellation of a subscription. Shared by `cancel_subscription` and
//! `reactivate_subscription`.

use app::AppState;
use domain::UserId;
use domain::subscription::{Subscription, SubscriptionStatus};
use services::billing::LockedAccount;
use web::ApiError;

use crate::errors::{no_subscription, payment_pending};

/// Sets whether all subscriptions of `user` end with the current period. Returns the
/// changed subscription that decides the plan.
pub(crate) async fn set_cancel_at_period_end(
    app: &AppState,
    user: UserId,
    cancel: bool,
) -> Result<Subscription, ApiError> {
    let mut db = app.db().await?;
    let account = LockedAccount::open(app, &mut db, user).await?.ok_or_else(no_subscription)?;
    let mut found = account.subscriptions().await?.ok_or_else(no_subscription)?;
    account.set_cancel_at_period_end(&mut found, cancel, is_changeable).await?;
    match account.commit(found).await?.subscription {
        Some(one) if one.status == SubscriptionStatus::Incomplete => Err(payment_pending()),
        subscription => subscription.filter(is_changeable).ok_or_else(no_subscription),
    }
}

/// Stripe rejects changes to a subscription that has not started or is over.
fn is_changeable(subscription: &Subscription) -> bool {
    !subscription.status.is_over() && subscription.status != SubscriptionStatus::Incomplete
}
