//! The errors of these endpoints, each with its own code.

use axum::http::StatusCode;
use web::ApiError;

/// 404: nothing to cancel or reactivate.
pub(crate) fn no_subscription() -> ApiError {
    let detail = "this account has no current subscription; start one with POST /api/subscription/pro";
    ApiError::new(StatusCode::NOT_FOUND, "no_subscription", detail)
}

/// 404: no checkout page was ever opened, so there is no customer at Stripe.
pub(crate) fn no_customer() -> ApiError {
    let detail =
        "this account has no payments yet; open a checkout page with POST /api/subscription/pro first";
    ApiError::new(StatusCode::NOT_FOUND, "no_customer", detail)
}

/// 409: the user is on Pro already.
pub(crate) fn already_subscribed() -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "already_subscribed", "this account is already on the Pro plan")
}

/// 409: the user must pay an open invoice first.
pub(crate) fn payment_due() -> ApiError {
    let detail =
        "the subscription has an open payment; pay it on the page that POST /api/subscription/portal opens";
    ApiError::new(StatusCode::CONFLICT, "payment_due", detail)
}

/// 409: the first payment of a subscription is neither complete nor abandoned.
pub(crate) fn payment_pending() -> ApiError {
    let detail =
        "the first payment is not complete yet; complete it, or try again after it expires within a day";
    ApiError::new(StatusCode::CONFLICT, "payment_pending", detail)
}

/// 409: a payment is under way on another checkout page.
pub(crate) fn checkout_changed() -> ApiError {
    let detail = "a payment is under way on another checkout page; try again in a moment";
    ApiError::new(StatusCode::CONFLICT, "checkout_changed", detail)
}
