//! `POST /api/subscription/reactivate`.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use web::{ApiError, Caller, success};

use crate::changing::set_cancel_at_period_end;
use crate::views::Changed;

/// Has a subscription that was to end with its period go on after all.
#[utoipa::path(
    post, path = "/api/subscription/reactivate", operation_id = "reactivate_subscription", tag = "Subscription",
    security(("token" = [])),
    responses(
        (status = 200, description = "It goes on.", body = Changed),
        (status = 404, description = "`no_subscription`: There is none that lasts; one that has ended cannot be brought back."),
        (status = 409, description = "`payment_pending`: Its first payment is under way."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    let subscription = set_cancel_at_period_end(&app, caller.user_id, false).await?;
    Ok(success(Changed::new("Subscription goes on", subscription)))
}
