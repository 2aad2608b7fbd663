//! Stripe's errors.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StripeError {
    #[serde(skip)]
    status: u16,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<String>,
    pub message: String,
}

impl StripeError {
    fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, code: None, param: None, message: message.into() }
    }

    pub fn invalid(param: &str, message: impl Into<String>) -> Self {
        let param = Some(param.to_owned()).filter(|param| !param.is_empty());
        Self { param, ..Self::new(400, "invalid_request_error", message) }
    }

    pub fn unauthorized() -> Self {
        Self::new(401, "invalid_request_error", "Invalid API Key provided.")
    }

    /// A missing object: 404 if the path names it, 400 if a parameter does.
    pub fn missing(status: u16, what: &str, param: &str, id: &str) -> Self {
        let message = format!("No such {what}: '{id}'");
        Self { status, code: Some("resource_missing"), ..Self::invalid(param, message) }
    }

    pub fn no_route(method: &str, path: &str) -> Self {
        Self::new(404, "invalid_request_error", format!("Unrecognized request URL ({method}: {path})."))
    }

    pub fn idempotency_mismatch() -> Self {
        let message = "Keys for idempotent requests can only be used with the same parameters they were first used with.";
        Self::new(400, "idempotency_error", message)
    }

    pub fn managed_by_schedule(schedule: &str) -> Self {
        let message = format!(
            "The subscription is managed by the subscription schedule `{schedule}`, and updating any \
             cancelation behavior directly is not allowed. Please update the schedule instead."
        );
        Self::invalid("", message)
    }

    pub fn inactive_price() -> Self {
        let message = "The price specified is inactive. This field only accepts active prices.";
        Self::invalid("line_items[0][price]", message)
    }

    pub fn unknown_version(version: &str) -> Self {
        Self::invalid("", format!("Invalid Stripe API version: {version}"))
    }

    pub fn portal_not_configured() -> Self {
        let message =
            "No configuration provided and your test mode default configuration has not been created.";
        Self::invalid("", message)
    }

    pub fn declined() -> Self {
        Self { code: Some("card_declined"), ..Self::new(402, "card_error", "Your card was declined.") }
    }

    pub fn of_status(status: u16) -> Self {
        let kind = if status == 429 { "invalid_request_error" } else { "api_error" };
        Self::new(status, kind, "An unknown error occurred")
    }
}

impl IntoResponse for StripeError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(json!({ "error": self }))).into_response()
    }
}
