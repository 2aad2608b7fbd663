//! Opens Stripe's customer portal for the caller.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::redirect::RedirectUrl;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::subscriptions;
use web::{ApiError, Caller, Valid, success};

use crate::errors::{no_customer, portal_refused};
use crate::redirect::allowed;

/// Where the customer portal redirects to.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct OpenPortal {
    /// Where the portal redirects to afterwards.
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    return_url: RedirectUrl,
}

/// The customer portal.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PortalResponse {
    portal_url: String,
}

/// Opens the customer portal, where the caller manages invoices and payment methods. Its URL is
/// valid for some minutes.
#[utoipa::path(
    post, path = "/api/subscription/portal",
    security(("token" = [])),
    request_body = OpenPortal,
    responses(
        (status = 200, description = "The portal is open.", body = PortalResponse),
        (status = 404, description = "`no_customer`: The caller has never opened a checkout page."),
        (status = 409, description = "`portal_not_available`: Stripe refuses to open the portal, for example because it is not configured."),
        (status = 422, description = "`redirect_not_allowed`: The host of the URL is not allowed."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Valid(input): Valid<OpenPortal>,
) -> Result<impl IntoResponse, ApiError> {
    let return_url = allowed(&app, "return_url", &input.return_url)?;
    let account = subscriptions::find(&app.db().await?, caller.user_id).await?;
    let customer = account.and_then(|account| account.customer_id).ok_or_else(no_customer)?;
    match app.stripe()?.create_portal(&customer, &return_url).await {
        Err(error) if error.is_missing_customer() => Err(no_customer()),
        portal => {
            let portal_url = portal.map_err(|error| portal_refused(error.into()))?;
            Ok(success(PortalResponse { portal_url }))
        }
    }
}
