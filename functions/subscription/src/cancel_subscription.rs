//! Cancels the subscription at the end of its period.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use web::{ApiError, Caller, success};

use crate::cancel_at_period_end::set_cancel_at_period_end;
use crate::views::SubscriptionResponse;

/// Cancels the subscription at the end of the current period. The user stays on Pro until then and
/// can reactivate it.
#[utoipa::path(
    post, path = "/api/subscription/cancel",
    security(("token" = [])),
    responses(
        (status = 200, description = "It ends with the current period.", body = SubscriptionResponse),
        (status = 404, description = "`no_subscription`: The caller has no current subscription."),
        (status = 409, description = "`payment_pending`: The first payment is not complete yet."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    let subscription = set_cancel_at_period_end(&app, caller.user_id, true).await?;
    Ok(success(SubscriptionResponse::new("Subscription ends with its period", subscription)))
}
