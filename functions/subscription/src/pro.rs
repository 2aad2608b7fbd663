//! `POST /api/subscription/pro`.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::redirect::RedirectUrl;
use garde::Validate;
use serde::{Deserialize, Serialize};
use web::{ApiError, Caller, Operation, Valid, success};

use crate::checkout::{self, Page};

#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct GoPro {
    /// Where to go once it is paid.
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    success_url: RedirectUrl,
    /// Where to go if it is not.
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    cancel_url: RedirectUrl,
    /// The price of the plan, the only one there is. May be left out.
    #[garde(length(max = 255))]
    price_id: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Opened {
    message: &'static str,
    session_id: String,
    /// Where the person pays.
    checkout_url: String,
}

/// The way to the Pro plan: the address of a page on which the caller pays. Who has such a page open already gets that one.
#[utoipa::path(
    post, path = "/api/subscription/pro", operation_id = "go_pro", tag = "Subscription",
    security(("token" = [])),
    request_body = GoPro,
    responses(
        (status = 200, description = "The page is open.", body = Opened),
        (status = 409, description = "`already_subscribed`, `payment_due`, `payment_pending`, `checkout_changed`, `request_in_flight`: The caller is on Pro already; or has a subscription whose payment is to be seen to in the portal, or is under way; or is just paying on another page; or the same request is being executed."),
        (status = 422, description = "`redirect_not_allowed`, `price_not_offered`, `idempotency_key_reused`: An address leads to a host that is not allowed; or the price is not that of the plan; or the key was used with another body."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    operation: Operation,
    Valid(input): Valid<GoPro>,
) -> Result<impl IntoResponse, ApiError> {
    let page = input.page(&app)?;
    let opened = operation.once(&app, |_| checkout::open(&app, caller.user_id, &page)).await?;
    Ok(success(Opened {
        message: "Checkout session created",
        session_id: opened.session_id,
        checkout_url: opened.checkout_url,
    }))
}

impl GoPro {
    fn page(&self, app: &AppState) -> Result<Page, ApiError> {
        let billing = &app.config.billing;
        if self.price_id.as_ref().is_some_and(|price| *price != billing.price_id) {
            let detail = "price_id: is not the price of the plan; it may be left out";
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "price_not_offered", detail));
        }
        Ok(Page {
            success_url: allowed(app, "success_url", &self.success_url)?,
            cancel_url: allowed(app, "cancel_url", &self.cancel_url)?,
        })
    }
}

/// The address, if a person may be sent there.
///
/// # Errors
/// 422 that names the field.
pub(crate) fn allowed(app: &AppState, field: &str, url: &RedirectUrl) -> Result<String, ApiError> {
    url.normalize_if_allowed(&app.config.billing.redirect_hosts).map_err(|error| {
        let detail = format!("{field}: {error}");
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "redirect_not_allowed", detail)
    })
}
