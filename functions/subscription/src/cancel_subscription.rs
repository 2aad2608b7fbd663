//! Cancels the subscription at the end of its period.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use web::{ApiError, Caller, success};

use crate::cancel_at_period_end::set_cancel_at_period_end;
use crate::views::SubscriptionResponse;

/// Cancels the subscription at the end of the current period. The user stays on Pro until then and
/// can reactivate it. A subscription with an open payment ends at once, and Stripe stops collecting.
#[utoipa::path(
    post, path = "/api/subscription/cancel",
    security(("token" = [])),
    responses(
        (status = 200, description = "It ends with the current period, or has ended.", body = SubscriptionResponse),
        (status = 404, description = "`no_subscription`: The caller has no current subscription."),
        (status = 409, description = "`payment_pending`, `subscription_not_changeable`: The first payment is not complete yet, or Stripe refuses the change, for example because a subscription schedule manages the subscription."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    let subscription = set_cancel_at_period_end(&app, caller.user_id, true).await?;
    Ok(success(SubscriptionResponse::cancelled(subscription)))
}
