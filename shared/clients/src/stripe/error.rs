//! [`StripeError`]: every way a call to Stripe fails.

use std::fmt::Display;

use miniserde::{Deserialize, json};
use stripe_client_core::StripeClientErr;
use thiserror::Error;

/// The client cannot be built from its configuration.
#[derive(Debug, Error)]
pub enum StripeSetupError {
    /// The base URL is not an `http` or `https` URL with a host.
    #[error("the base URL of Stripe is not an http or https address")]
    BaseUrl,
    /// The key is blank or has characters that a header cannot contain.
    #[error("the key of Stripe is empty or not usable as a header")]
    SecretKey,
    /// The HTTP client rejected its settings.
    #[error("the HTTP client for Stripe cannot be built")]
    Client(#[source] reqwest::Error),
}

/// A call to Stripe failed. No message contains the key.
#[derive(Debug, Error)]
pub enum StripeError {
    /// Stripe could not be reached, or did not respond in time.
    #[error("stripe was not reached")]
    Transport(#[source] reqwest::Error),
    /// Stripe refused the request.
    #[error("stripe refused with {status}: {reason}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The error's code, such as `resource_missing`.
        code: Option<String>,
        /// The parameter that the error is about.
        param: Option<String>,
        /// Stripe's type, code and message.
        reason: String,
        /// Stripe's own advice whether to retry, from the header `Stripe-Should-Retry`.
        should_retry: Option<bool>,
    },
    /// The response does not follow the API.
    #[error("stripe's response cannot be read: {0}")]
    InvalidResponse(String),
}

#[derive(Deserialize)]
struct Body {
    error: Details,
}

#[derive(Deserialize)]
struct Details {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<String>,
    param: Option<String>,
    message: Option<String>,
}

impl StripeError {
    /// The error of a response that is not a success.
    pub(super) fn refused(status: u16, should_retry: Option<bool>, body: &str) -> Self {
        let Ok(Body { error }) = json::from_str(body) else {
            let reason = "the body of the response is not an error object".to_owned();
            return Self::Refused { status, code: None, param: None, reason, should_retry };
        };
        let words = [error.kind.as_deref(), error.code.as_deref(), error.message.as_deref()];
        let reason = words.into_iter().flatten().collect::<Vec<_>>().join(", ");
        Self::Refused { status, code: error.code, param: error.param, reason, should_retry }
    }

    /// Adds Stripe's id of the request, by which its support and its dashboard find it.
    pub(super) fn with_request_id(mut self, id: Option<&str>) -> Self {
        if let (Self::Refused { reason, .. }, Some(id)) = (&mut self, id) {
            *reason = format!("{reason} (request {id})");
        }
        self
    }

    pub(super) fn invalid_idempotency_key() -> Self {
        Self::InvalidResponse("an idempotency key is empty or longer than 255 characters".to_owned())
    }

    /// Whether a later retry may succeed. Source: <https://docs.stripe.com/error-low-level>.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport(_) => true,
            Self::Refused { should_retry: Some(should), .. } => *should,
            Self::Refused { status, .. } => matches!(status, 409 | 424 | 429 | 500..),
            Self::InvalidResponse(_) => false,
        }
    }

    /// Whether the error is Stripe's own.
    pub(super) fn is_server_error(&self) -> bool {
        matches!(self, Self::Refused { status: 500.., .. })
    }

    /// Whether the object in the path does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether the customer does not exist: it was deleted, or it belongs to another Stripe account
    /// than the key.
    #[must_use]
    pub fn is_missing_customer(&self) -> bool {
        let Self::Refused { code: Some(code), param: Some(param), .. } = self else { return false };
        code == "resource_missing" && param == "customer"
    }

    /// Whether Stripe refused the request for a reason that a retry does not change.
    #[must_use]
    pub fn is_permanent_refusal(&self) -> bool {
        matches!(self, Self::Refused { status: 400..=499, .. }) && !self.is_transient()
    }

    /// Whether Stripe permanently refuses the request for a reason in the account or its settings. A
    /// refused key (401, 403) and a missing object are not among these: no user can act on them.
    #[must_use]
    pub fn is_refused_change(&self) -> bool {
        let is_missing = matches!(self, Self::Refused { code: Some(code), .. } if code == "resource_missing");
        matches!(self, Self::Refused { status: 400 | 402, .. }) && !is_missing && self.is_permanent_refusal()
    }
}

impl StripeClientErr for StripeError {
    fn deserialize_err(message: impl Display) -> Self {
        Self::InvalidResponse(message.to_string())
    }
}
