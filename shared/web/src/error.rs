//! [`ApiError`]: the error type of all handlers and extractors.

use std::error::Error;
use std::time::Duration;

use app::NotConfigured;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use clients::redis::RedisUnavailable;
use clients::stripe::StripeError;
use domain::switches::{Feature, FeaturePaused};
use services::billing::BillingError;
use services::passwords::PasswordError;
use store::StoreError;

use crate::body_limit::BodyLimit;
use crate::problem::{INTERNAL_DETAIL, Problem};

/// A failed request. Becomes a problem document (RFC 9457); the cause is only logged.
#[derive(Debug)]
pub struct ApiError {
    problem: Box<Problem>,
}

impl ApiError {
    /// An error with a status, a stable code for programs, and a detail for users.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { problem: Box::new(Problem::new(status, code, detail.into())) }
    }

    /// 400: the request cannot be parsed.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_request", detail)
    }

    /// 400: fields are invalid. `errors` has an entry `field: reason` for each.
    #[must_use]
    pub fn invalid(errors: Vec<String>) -> Self {
        let mut error = Self::new(StatusCode::BAD_REQUEST, "validation_failed", errors.join("; "));
        error.problem.errors = errors;
        error
    }

    /// 401: the token is absent, invalid or expired.
    #[must_use]
    pub fn unauthenticated(detail: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "not_authenticated", detail)
    }

    /// 401: the number is unknown or the password is wrong; clients cannot tell which.
    #[must_use]
    pub fn wrong_credentials(detail: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_credentials", detail)
    }

    /// 400: the password that confirms an action of a signed-in user is wrong. Not 401, which makes
    /// clients sign out.
    #[must_use]
    pub fn wrong_password(detail: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "wrong_password", detail)
    }

    /// 404: `what` does not exist, or belongs to another user.
    #[must_use]
    pub fn not_found(what: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what} with this id"))
    }

    /// 403: the caller is authenticated but not allowed to do this.
    #[must_use]
    pub fn forbidden(detail: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 403: an operator has suspended the account. Only for someone who has proven that it is
    /// theirs.
    #[must_use]
    pub fn account_suspended() -> Self {
        let detail = "this account is suspended; contact the operator of this service. A signed-in device can \
             still export its data, delete it and sign out";
        Self::new(StatusCode::FORBIDDEN, "account_suspended", detail)
    }

    /// 413: the body is larger than `limit`.
    #[must_use]
    pub(crate) fn body_too_large(limit: BodyLimit) -> Self {
        let detail = format!("the body is larger than {limit}");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    }

    /// The code of [`Self::rate_limited`].
    pub(crate) const RATE_LIMITED: &str = "rate_limited";

    /// 429: too many requests; the next one is accepted after `retry_after`.
    #[must_use]
    pub fn rate_limited(retry_after: Duration) -> Self {
        let detail = "too many requests; wait a moment, then try again";
        Self::new(StatusCode::TOO_MANY_REQUESTS, Self::RATE_LIMITED, detail).retry_after(retry_after)
    }

    /// 503: a dependency does not respond.
    #[must_use]
    pub fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let detail = "the service is temporarily unavailable; try again in a few seconds";
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
        error.problem.cause = Some(cause.into());
        error.retry_after(Duration::from_secs(2))
    }

    /// 500: an internal error.
    #[must_use]
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let mut error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", INTERNAL_DETAIL);
        error.problem.cause = Some(cause.into());
        error
    }

    /// The stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.problem.code
    }

    /// The detail for users.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.problem.detail
    }

    /// The problem document of an error that ends a stream in the middle, for the request
    /// `request_id`. Logs the cause.
    #[must_use]
    pub fn document(&self, request_id: &str) -> serde_json::Value {
        self.problem.log();
        self.problem.document(request_id)
    }

    /// Whether the cause is a dependency that does not respond at the moment.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.problem.status == StatusCode::SERVICE_UNAVAILABLE
    }

    /// Whether the status is 409.
    pub(crate) fn is_conflict(&self) -> bool {
        self.problem.status == StatusCode::CONFLICT
    }

    /// Adds `Retry-After`, in whole seconds, rounded up.
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

/// How long a client waits before it tries again what an operator has paused.
const PAUSE: Duration = Duration::from_mins(1);

impl From<FeaturePaused> for ApiError {
    fn from(FeaturePaused(feature): FeaturePaused) -> Self {
        let detail = match feature {
            Feature::SignUps => "new accounts cannot be created at the moment; try again later",
            Feature::Sending => "messages are not accepted at the moment; try again later",
            Feature::Sms => "codes cannot be sent by text message at the moment; try again later",
            Feature::Model(_) => "the model is not available at the moment; try again later",
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, feature.error_code(), detail).retry_after(PAUSE)
    }
}

impl From<NotConfigured> for ApiError {
    fn from(error: NotConfigured) -> Self {
        Self::internal(error)
    }
}
