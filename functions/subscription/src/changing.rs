//! Whether a subscription ends with its period: the two ways of saying so.

use app::App;
use axum::http::StatusCode;
use domain::UserId;
use domain::subscription::Subscription;
use store::{StoreError, subscriptions};
use web::ApiError;

/// Has the subscription of `user` end with the period that runs, or go on after all; answers it as it is then.
pub(crate) async fn set_cancel_at_period_end(
    app: &App,
    user: UserId,
    cancel: bool,
) -> Result<Subscription, ApiError> {
    let mut db = app.db().await?;
    let transaction = db.transaction().await.map_err(StoreError::from)?;
    let account = subscriptions::lock(&transaction, user).await?.ok_or_else(none)?;
    let mut settled = app.settle(&transaction, &account).await?;
    let lasting = settled.subscription.as_ref().filter(|one| !one.status.is_over());
    if let Some(one) = lasting.filter(|one| one.cancel_at_period_end != cancel) {
        let changed = app.stripe()?.set_cancel_at_period_end(&one.id, cancel).await?;
        settled = app.write(&transaction, &account, Some(changed)).await?;
    }
    transaction.commit().await.map_err(StoreError::from)?;
    app.announce(&db, user, &settled).await;
    settled.subscription.filter(|one| !one.status.is_over()).ok_or_else(none)
}

fn none() -> ApiError {
    let detail = "there is no subscription that lasts; POST /api/subscription/pro begins one";
    ApiError::new(StatusCode::NOT_FOUND, "no_subscription", detail)
}
