//! The errors of these endpoints, each with its own code.

use app::telemetry::chain;
use axum::http::StatusCode;
use services::billing::BillingError;
use tracing::error;
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
    let detail = "the first payment is not complete yet; complete it on the page in required_action of \
        GET /api/subscription/status, or try again after it expires within a day";
    ApiError::new(StatusCode::CONFLICT, "payment_pending", detail)
}

/// 409: a payment for this user may exist under a customer that no account has.
pub(crate) fn subscription_unresolved() -> ApiError {
    let detail = "Stripe has a subscription for this account that must be checked first, so that nothing is \
        paid twice; contact support";
    ApiError::new(StatusCode::CONFLICT, "subscription_unresolved", detail)
}

/// 409: a payment is under way on another checkout page.
pub(crate) fn checkout_changed() -> ApiError {
    let detail = "a payment is under way on another checkout page; try again in a moment";
    ApiError::new(StatusCode::CONFLICT, "checkout_changed", detail)
}

/// 409 if Stripe permanently refuses to change the subscription, for example because a subscription
/// schedule manages it.
pub(crate) fn change_refused(error: BillingError) -> ApiError {
    let detail = "Stripe does not allow this change of the subscription; contact support to change it";
    refused_or(error, "subscription_not_changeable", detail)
}

/// 409 if Stripe permanently refuses to open the portal, for example because it is not configured.
pub(crate) fn portal_refused(error: BillingError) -> ApiError {
    let detail =
        "the customer portal is not available; cancel with POST /api/subscription/cancel, or contact support";
    refused_or(error, "portal_not_available", detail)
}

/// 409 if Stripe permanently refuses to open a checkout page, for example because the price is
/// inactive.
pub(crate) fn checkout_refused(error: BillingError) -> ApiError {
    let detail = "the Pro plan cannot be bought at the moment; contact support";
    refused_or(error, "checkout_not_available", detail)
}

/// A 409 for a permanent refusal, which an operator must resolve at Stripe; otherwise the usual
/// response.
fn refused_or(error: BillingError, code: &'static str, detail: &'static str) -> ApiError {
    if !matches!(&error, BillingError::Stripe(error) if error.is_refused_change()) {
        return error.into();
    }
    error!(error = chain(&error), code, "Stripe permanently refuses a request");
    ApiError::new(StatusCode::CONFLICT, code, detail)
}
