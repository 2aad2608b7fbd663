//! `POST /api/subscription/cancel`.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use web::{ApiError, Caller, success};

use crate::changing::set_cancel_at_period_end;
use crate::views::Changed;

/// Ends the subscription with the period that is paid for. Until then everything stays as it is, and it can be taken back.
#[utoipa::path(
    post, path = "/api/subscription/cancel", operation_id = "cancel_subscription", tag = "Subscription",
    security(("token" = [])),
    responses(
        (status = 200, description = "It ends with its period.", body = Changed),
        (status = 404, description = "`no_subscription`: There is none that lasts."),
        (status = 409, description = "`payment_pending`: Its first payment is under way."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    let subscription = set_cancel_at_period_end(&app, caller.user_id, true).await?;
    Ok(success(Changed::new("Subscription ends with its period", subscription)))
}
