//! Withdraws the cancellation of a subscription.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use web::{ApiError, Caller, success};

use crate::cancel_at_period_end::set_cancel_at_period_end;
use crate::views::SubscriptionResponse;

/// Continues a subscription that was cancelled for the end of the current period.
///
/// The next invoice is due as if it had not been cancelled.
#[utoipa::path(
    post, path = "/api/subscription/reactivate",
    security(("token" = [])),
    responses(
        (status = 200, description = "It continues after the current period.", body = SubscriptionResponse),
        (status = 404, description = "`no_subscription`: The caller has no current subscription. A subscription that has ended cannot be reactivated."),
        (status = 409, description = "`payment_pending`, `subscription_not_changeable`: The first payment is not complete yet, or Stripe refuses the change, for example because a subscription schedule manages the subscription."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    let subscription = set_cancel_at_period_end(&app, caller.user_id, false).await?;
    Ok(success(SubscriptionResponse::new("Subscription goes on", subscription)))
}
