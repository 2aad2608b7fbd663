//! [`ApiError`]: the one error type at the edge.

use std::error::Error;
use std::time::Duration;

use app::NotConfigured;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use clients::redis::RedisUnavailable;
use clients::stripe::StripeError;
use services::billing::BillingError;
use services::passwords::PasswordError;
use store::StoreError;

use crate::problem::Problem;

/// Why a request is not answered as asked. Becomes a problem document (RFC 9457); the cause goes to the log alone.
#[derive(Debug)]
pub struct ApiError {
    problem: Box<Problem>,
}

impl ApiError {
    /// An error with `status`, the stable `code`, and `detail` for people.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { problem: Box::new(Problem::new(status, code, detail.into())) }
    }

    /// 400: what was sent cannot be read.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_request", detail)
    }

    /// 400: fields are wrong. `errors` has an entry `field: why` for each.
    #[must_use]
    pub fn invalid(errors: Vec<String>) -> Self {
        let mut error = Self::new(StatusCode::BAD_REQUEST, "validation_failed", errors.join("; "));
        error.problem.errors = errors;
        error
    }

    /// 401: there is no token, or it opens nothing.
    #[must_use]
    pub fn unauthenticated(detail: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "not_authenticated", detail)
    }

    /// 401: number and password do not go together. The same for unknown numbers.
    #[must_use]
    pub fn wrong_credentials(detail: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_credentials", detail)
    }

    /// 404: there is no such thing, or it is somebody else's.
    #[must_use]
    pub fn not_found(what: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what} with this id"))
    }

    /// 403: known, and not allowed.
    #[must_use]
    pub fn forbidden(detail: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 413: the body is larger than any request needs, which is `limit`.
    #[must_use]
    pub fn body_too_large(limit: &str) -> Self {
        let detail = format!("the body is larger than {limit}");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    }

    /// 429: too many requests; the next is let through after `retry_after`.
    #[must_use]
    pub fn rate_limited(retry_after: Duration) -> Self {
        let detail = "too many requests; wait for as long as Retry-After says";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).retry_after(retry_after)
    }

    /// 503: something we depend on does not answer.
    #[must_use]
    pub fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let detail = "the service is not available at this moment; come back after Retry-After";
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
        error.problem.cause = Some(cause.into());
        error.retry_after(Duration::from_secs(2))
    }

    /// 500: a fault of ours.
    #[must_use]
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let detail = "something went wrong on our side";
        let mut error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail);
        error.problem.cause = Some(cause.into());
        error
    }

    /// Whether a request like this one is under way.
    pub(crate) fn is_conflict(&self) -> bool {
        self.problem.status == StatusCode::CONFLICT
    }

    /// Adds when to come back (whole seconds, rounded up).
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.problem.retry_after = Some(wait);
        self
    }

    /// Adds a member to the problem document.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl serde::Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or_default();
        self.problem.members.insert(name.to_owned(), value);
        self
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.problem.into_response()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if error.is_unavailable() { Self::unavailable(error) } else { Self::internal(error) }
    }
}

impl From<RedisUnavailable> for ApiError {
    fn from(error: RedisUnavailable) -> Self {
        Self::unavailable(error)
    }
}

impl From<BillingError> for ApiError {
    fn from(error: BillingError) -> Self {
        if error.is_transient() { Self::unavailable(error) } else { Self::internal(error) }
    }
}

impl From<StripeError> for ApiError {
    fn from(error: StripeError) -> Self {
        BillingError::from(error).into()
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::TooManyAttempts { retry_after } => {
                let detail =
                    "too many wrong passwords; wait for as long as Retry-After says, or reset the password";
                let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", detail);
                error.retry_after(retry_after)
            }
            PasswordError::IsMobileNumber { .. } => Self::invalid(vec![error.to_string()]),
            PasswordError::Hash(_) | PasswordError::Task(_) => Self::internal(error),
        }
    }
}

impl From<NotConfigured> for ApiError {
    fn from(error: NotConfigured) -> Self {
        Self::internal(error)
    }
}
