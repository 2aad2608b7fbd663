//! Opens a checkout page for the Pro plan.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::redirect::RedirectUrl;
use garde::Validate;
use serde::{Deserialize, Serialize};
use web::{ApiError, Caller, Operation, Valid, success};

use crate::change_limit;
use crate::checkout::{self, RedirectUrls};
use crate::redirect::allowed;

/// Where the checkout page redirects to.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct OpenCheckout {
    /// Where the page redirects to after the payment.
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    success_url: RedirectUrl,
    /// Where the page redirects to without a payment.
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    cancel_url: RedirectUrl,
    /// The price of the Pro plan. Optional, because there is only one.
    #[garde(length(max = 255))]
    price_id: Option<String>,
}

/// The checkout page.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct CheckoutResponse {
    message: &'static str,
    session_id: String,
    /// The page on which the user pays.
    checkout_url: String,
}

/// Opens a checkout page for the Pro plan. A repeated request returns the page that is open
/// already.
#[utoipa::path(
    post, path = "/api/subscription/pro",
    security(("token" = [])),
    request_body = OpenCheckout,
    responses(
        (status = 200, description = "The page is open.", body = CheckoutResponse),
        (status = 409, description = "`already_subscribed`, `payment_due`, `payment_pending`, `checkout_changed`, `checkout_not_available`, `subscription_unresolved`, `request_in_flight`: The caller is on Pro already; or has a subscription with an open payment, which the portal shows; or its first payment is not complete yet; or a payment is under way on another page; or Stripe refuses to sell the plan; or an operator must check a subscription for the caller; or the same request is being executed."),
        (status = 422, description = "`redirect_not_allowed`, `price_not_offered`, `idempotency_key_reused`: The host of a URL is not allowed; or the price is not that of the plan; or the key was used with another body."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    operation: Operation,
    Valid(input): Valid<OpenCheckout>,
) -> Result<impl IntoResponse, ApiError> {
    let redirects = input.redirects(&app)?;
    let open = |_| async {
        change_limit::charge(&app, caller.user_id).await?;
        checkout::open(&app, caller.user_id, &redirects).await
    };
    let page = operation.once(&app, open).await?;
    Ok(success(CheckoutResponse {
        message: "Checkout session created",
        session_id: page.session_id,
        checkout_url: page.checkout_url,
    }))
}

impl OpenCheckout {
    fn redirects(&self, app: &AppState) -> Result<RedirectUrls, ApiError> {
        let billing = &app.config.billing;
        if self.price_id.as_ref().is_some_and(|price| *price != billing.price_id) {
            let detail = "price_id: is not the price of the Pro plan; leave it out to use the current price";
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "price_not_offered", detail));
        }
        Ok(RedirectUrls {
            success_url: allowed(app, "success_url", &self.success_url)?,
            cancel_url: allowed(app, "cancel_url", &self.cancel_url)?,
        })
    }
}
