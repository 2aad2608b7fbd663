//! How a call to Stripe can fail.

use std::fmt::Display;

use miniserde::{Deserialize, json};
use stripe_client_core::StripeClientErr;
use thiserror::Error;

/// The client cannot be built from its configuration.
#[derive(Debug, Error)]
pub enum StripeSetupError {
    /// The base URL is not one of `http` or `https` with a host.
    #[error("the base URL of Stripe is not an http or https address")]
    BaseUrl,
    /// The key is blank or has characters that no header can carry.
    #[error("the key of Stripe is empty or not usable as a header")]
    SecretKey,
    /// The HTTP client refused its settings.
    #[error("the HTTP client for Stripe cannot be built")]
    Client(#[source] reqwest::Error),
}

/// A call to Stripe failed. The key is in no message.
#[derive(Debug, Error)]
pub enum StripeError {
    /// Stripe was not reached, or its answer did not come in time.
    #[error("stripe was not reached")]
    Transport(#[source] reqwest::Error),
    /// Stripe refused.
    #[error("stripe refused with {status}: {reason}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The error's code, `resource_missing` for example.
        code: Option<String>,
        /// Which parameter it is about.
        param: Option<String>,
        /// What Stripe says of it.
        reason: String,
        /// Whether Stripe itself says that it is worth another try, or that it is not.
        should_retry: Option<bool>,
    },
    /// What Stripe answered is not what it says it answers.
    #[error("stripe's answer cannot be read: {0}")]
    Unreadable(String),
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
    /// What a response that is no success comes to.
    pub(super) fn refused(status: u16, should_retry: Option<bool>, body: &str) -> Self {
        let Ok(Body { error }) = json::from_str(body) else {
            let reason = "without a reason that can be read".to_owned();
            return Self::Refused { status, code: None, param: None, reason, should_retry };
        };
        let words = [error.kind.as_deref(), error.code.as_deref(), error.message.as_deref()];
        let reason = words.into_iter().flatten().collect::<Vec<_>>().join(", ");
        Self::Refused { status, code: error.code, param: error.param, reason, should_retry }
    }

    pub(super) fn unusable_key() -> Self {
        Self::Unreadable("an idempotency key is empty or longer than 255 characters".to_owned())
    }

    /// Whether the same call may go through later. Source: <https://docs.stripe.com/error-low-level>.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Transport(_) => true,
            Self::Refused { should_retry: Some(should), .. } => *should,
            Self::Refused { status, .. } => matches!(status, 409 | 424 | 429 | 500..),
            Self::Unreadable(_) => false,
        }
    }

    /// Whether something went wrong at Stripe.
    pub(super) fn is_fault(&self) -> bool {
        matches!(self, Self::Refused { status: 500.., .. })
    }

    /// Whether the thing itself, the one in the path, is not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether Stripe has no such customer: the account's key is another one's than that which the customer was made with,
    /// or somebody has deleted the customer.
    #[must_use]
    pub fn is_missing_customer(&self) -> bool {
        let Self::Refused { code: Some(code), param: Some(param), .. } = self else { return false };
        code == "resource_missing" && param == "customer"
    }

    /// Whether Stripe understood, and would not, for a reason that does not pass.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { status: 400..=499, .. }) && !self.is_passing()
    }
}

impl StripeClientErr for StripeError {
    fn deserialize_err(message: impl Display) -> Self {
        Self::Unreadable(message.to_string())
    }
}
