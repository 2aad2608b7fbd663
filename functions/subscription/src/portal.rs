//! `POST /api/subscription/portal`.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::redirect::RedirectUrl;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::subscriptions;
use web::{ApiError, Caller, Valid, success};

use crate::pro::allowed;

#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct OpenPortal {
    /// Where to go afterwards.
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    return_url: RedirectUrl,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Portal {
    portal_url: String,
}

/// The address of a page on which the caller sees to invoices and means of payment. It is good for some minutes.
#[utoipa::path(
    post, path = "/api/subscription/portal", operation_id = "open_portal", tag = "Subscription",
    security(("token" = [])),
    request_body = OpenPortal,
    responses(
        (status = 200, description = "The page is open.", body = Portal),
        (status = 404, description = "`no_customer`: The caller has never been to a checkout page."),
        (status = 422, description = "`redirect_not_allowed`: The address leads to a host that is not allowed."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Valid(input): Valid<OpenPortal>,
) -> Result<impl IntoResponse, ApiError> {
    let return_url = allowed(&app, "return_url", &input.return_url)?;
    let none = || {
        let detail = "there is nothing to see to yet: POST /api/subscription/pro comes first";
        ApiError::new(StatusCode::NOT_FOUND, "no_customer", detail)
    };
    let account = subscriptions::find(&app.db().await?, caller.user_id).await?;
    let customer = account.and_then(|account| account.customer_id).ok_or_else(none)?;
    match app.stripe()?.create_portal(&customer, &return_url).await {
        Err(error) if error.is_missing_customer() => Err(none()),
        portal => Ok(success(Portal { portal_url: portal? })),
    }
}
