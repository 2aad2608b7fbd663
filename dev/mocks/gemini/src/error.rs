//! Google's errors, in its own words and JSON.
//!
//! Source: <https://google.aip.dev/193>, <https://ai.google.dev/gemini-api/docs/troubleshooting>,
//! and bodies quoted in public issues of Google's clients.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::MAX_REQUEST;
use super::schema::Violation;

#[derive(Debug, Clone)]
pub struct GeminiError {
    pub status: StatusCode,
    pub message: String,
    pub details: Vec<Value>,
    /// Whether the body is an array of one element.
    pub in_array: bool,
}

impl GeminiError {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), details: Vec::new(), in_array: false }
    }

    pub fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub fn too_large() -> Self {
        Self::invalid_argument(format!("Request payload size exceeds the limit: {MAX_REQUEST} bytes."))
    }

    pub fn key_missing() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or \
             other form of API consumer identity to call this API.",
        )
    }

    /// A wrong key is a 400, not a 401 or 403.
    pub fn key_invalid() -> Self {
        let message = "API key not valid. Please pass a valid API key.";
        let info = json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": {"service": "generativelanguage.googleapis.com"},
        });
        let localized = json!({
            "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
            "locale": "en-US",
            "message": message,
        });
        Self { details: vec![info, localized], ..Self::invalid_argument(message) }
    }

    pub fn model_not_found(model: &str, method: &str) -> Self {
        let message = format!(
            "models/{model} is not found for API version v1beta, or is not supported for {method}. Call ListModels to \
             see the list of available models and their supported methods."
        );
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub fn invalid_fields(violations: Vec<Violation>) -> Self {
        let message: Vec<&str> = violations.iter().map(|violation| violation.description.as_str()).collect();
        let message = message.join("\n");
        let violations: Vec<Value> = violations
            .into_iter()
            .map(|Violation { field, description }| match field {
                Some(field) => json!({"field": field, "description": description}),
                None => json!({"description": description}),
            })
            .collect();
        let details =
            json!({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations});
        Self { details: vec![details], ..Self::invalid_argument(message) }
    }

    pub fn of_status(status: StatusCode, model: &str, method: &str) -> Self {
        if status == StatusCode::NOT_FOUND {
            return Self::model_not_found(model, method);
        }
        let (_, message) = status_texts(status);
        Self::new(status, message)
    }

    /// A 429 that names the quota. Google sends `RetryInfo` with a daily quota too.
    pub fn quota(model: &str, per_day: bool, retry_delay: Option<&str>) -> Self {
        let (period, limit) = if per_day { ("Day", "250") } else { ("Minute", "10") };
        let metric = "generativelanguage.googleapis.com/generate_content_free_tier_requests";
        let retry = retry_delay.map(|delay| format!("\nPlease retry in {delay}.")).unwrap_or_default();
        let message = format!(
            "You exceeded your current quota, please check your plan and billing details. For more information on \
             this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits. To monitor your current usage, \
             head to: https://ai.dev/rate-limit. \n* Quota exceeded for metric: {metric}, limit: {limit}, model: \
             {model}{retry}"
        );
        let help = json!({
            "@type": "type.googleapis.com/google.rpc.Help",
            "links": [{
                "description": "Learn more about Gemini API quotas",
                "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
            }],
        });
        let failure = json!({
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{
                "quotaMetric": metric,
                "quotaId": format!("GenerateRequestsPer{period}PerProjectPerModel-FreeTier"),
                "quotaDimensions": {"location": "global", "model": model},
                "quotaValue": limit,
            }],
        });
        let info = retry_delay
            .map(|delay| json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}));
        let details = [help, failure].into_iter().chain(info).collect();
        Self { details, ..Self::new(StatusCode::TOO_MANY_REQUESTS, message) }
    }

    pub fn body(&self) -> Value {
        let mut error = json!({
            "code": self.status.as_u16(),
            "message": self.message,
            "status": status_texts(self.status).0,
        });
        if !self.details.is_empty() {
            error["details"] = self.details.clone().into();
        }
        let body = json!({"error": error});
        if self.in_array { json!([body]) } else { body }
    }
}

/// Google's name of a status and its usual message.
fn status_texts(status: StatusCode) -> (&'static str, &'static str) {
    match status.as_u16() {
        400 => ("INVALID_ARGUMENT", "Request contains an invalid argument."),
        401 => (
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other \
             valid authentication credential.",
        ),
        403 => ("PERMISSION_DENIED", "The caller does not have permission"),
        404 => ("NOT_FOUND", ""),
        408 => ("DEADLINE_EXCEEDED", "The request timed out."),
        409 => ("ABORTED", "The operation was aborted."),
        499 => ("CANCELLED", "The operation was cancelled."),
        429 => ("RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
        501 => ("UNIMPLEMENTED", "Operation is not implemented, or supported, or enabled."),
        502 => ("UNAVAILABLE", "Bad gateway."),
        503 => ("UNAVAILABLE", "The model is overloaded. Please try again later."),
        504 => ("DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
        status if status < 500 => ("FAILED_PRECONDITION", "The request is not valid in this state."),
        _ => (
            "INTERNAL",
            "An internal error has occurred. Please retry or report in \
             https://developers.generativeai.google/guide/troubleshooting",
        ),
    }
}
