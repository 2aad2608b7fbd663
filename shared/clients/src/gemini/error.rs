//! Every way in which a model does not answer, and what to do about each.

use std::time::Duration;

use domain::message::ErrorCode;
use thiserror::Error;

/// The longest name taken over from the vendor.
const MAX_LABEL: usize = 80;

/// No answer came about.
///
/// Only labels of the vendor (a status, a reason, the name of a quota) are kept, cut to letters, digits and `-_.`:
/// Google's own messages may quote the text of the request and even the key, and are dropped.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GenerateError {
    /// The service is overloaded or failing: a 5xx, or a 408, 409 or 499.
    #[error("gemini is overloaded or failing: HTTP {status}")]
    Overloaded {
        /// The HTTP status.
        status: u16,
        /// How long the service asks to wait.
        retry_delay: Option<Duration>,
    },
    /// A quota that fills up again within the minute is used up, or the answer does not say which one is.
    #[error("gemini's quota per minute is used up: {quota}")]
    MinuteQuota {
        /// The name of the quota, `UNSPECIFIED` when it was not named.
        quota: String,
        /// How long the service asks to wait.
        retry_delay: Option<Duration>,
    },
    /// A quota that waiting for seconds does not heal is used up: one per day, or one of zero.
    #[error("gemini's quota per day is used up: {quota}")]
    DailyQuota {
        /// The name of the quota.
        quota: String,
    },
    /// The service refused to answer this prompt.
    #[error("gemini blocked the prompt: {reason}")]
    BlockedPrompt {
        /// The service's reason, such as `PROHIBITED_CONTENT`.
        reason: String,
    },
    /// The service withheld the answer it had.
    #[error("gemini withheld the answer: {reason}")]
    BlockedAnswer {
        /// The finish reason, such as `SAFETY`.
        reason: String,
    },
    /// The service does not accept the request: a 400 or another 4xx.
    #[error("gemini did not accept the request: HTTP {status} {reason}")]
    InvalidRequest {
        /// The HTTP status.
        status: u16,
        /// The service's name of the error, such as `INVALID_ARGUMENT`.
        reason: String,
    },
    /// The key, its project or its place is not let in: a 401, a 403, or a 400 about the key or the project.
    #[error("gemini refused the key: HTTP {status} {reason}")]
    KeyRefused {
        /// The HTTP status.
        status: u16,
        /// The service's reason, such as `API_KEY_INVALID`.
        reason: String,
    },
    /// There is no such model for this key, or no more.
    #[error("gemini has no model {model}")]
    ModelAbsent {
        /// The model asked for.
        model: String,
    },
    /// No whole answer came within the time allowed for a call.
    #[error("gemini did not answer in time")]
    Timeout,
    /// No connection came about: refused, not found, not trusted, or too slow.
    #[error("gemini cannot be reached: {cause}")]
    Unreachable {
        /// What the network said, without the address.
        cause: String,
    },
    /// The connection broke off before the answer was complete.
    #[error("the connection to gemini broke off: {cause}")]
    Cut {
        /// What the network said, without the address.
        cause: String,
    },
    /// Something came, but no answer that can be read.
    #[error("gemini's answer cannot be used: {what}")]
    Garbage {
        /// What is wrong with it, in our words.
        what: &'static str,
    },
    /// The model used up `max_output_tokens` before it said anything.
    #[error("gemini used up the tokens allowed before the answer began")]
    TokensUsedUp,
}

impl GenerateError {
    /// The code under which a message is given up if this is the last word.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Overloaded { .. } | Self::Unreachable { .. } | Self::Cut { .. } | Self::Garbage { .. } => {
                ErrorCode::GeminiOverloaded
            }
            Self::MinuteQuota { .. } | Self::DailyQuota { .. } => ErrorCode::GeminiQuota,
            Self::BlockedPrompt { .. } | Self::BlockedAnswer { .. } => ErrorCode::BlockedBySafety,
            Self::InvalidRequest { .. } => ErrorCode::InvalidRequest,
            Self::Timeout => ErrorCode::Timeout,
            // The deployment's key, model or token limit is wrong; the person can do nothing about it.
            Self::KeyRefused { .. } | Self::ModelAbsent { .. } | Self::TokensUsedUp => ErrorCode::Internal,
        }
    }

    /// Whether the same question may well be answered if it is asked again in a while.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Overloaded { .. }
            | Self::MinuteQuota { .. }
            | Self::Timeout
            | Self::Unreachable { .. }
            | Self::Cut { .. }
            | Self::Garbage { .. } => true,
            Self::DailyQuota { .. }
            | Self::BlockedPrompt { .. }
            | Self::BlockedAnswer { .. }
            | Self::InvalidRequest { .. }
            | Self::KeyRefused { .. }
            | Self::ModelAbsent { .. }
            | Self::TokensUsedUp => false,
        }
    }

    /// How long the service itself asks to wait before the next attempt; not bounded here.
    #[must_use]
    pub fn retry_delay(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_delay, .. } | Self::MinuteQuota { retry_delay, .. } => *retry_delay,
            _ => None,
        }
    }

    pub(super) fn model_absent(model: &str) -> Self {
        Self::ModelAbsent { model: label(model) }
    }

    pub(super) fn from_transport(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if error.is_connect() {
            Self::Unreachable { cause: cause(&error) }
        } else if error.is_timeout() {
            Self::Timeout
        } else {
            Self::Cut { cause: cause(&error) }
        }
    }
}

/// A name from the vendor in a form that is safe to log and store: short, and of letters, digits and `-_.` only.
pub(super) fn label(name: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let label: String = name.chars().filter(plain).take(MAX_LABEL).collect();
    if label.is_empty() { "UNSPECIFIED".to_owned() } else { label }
}

/// The innermost cause, which is the one that tells something ("connection refused").
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    // Nothing of the other side's making is expected here; the bound is for what nobody expected.
    text.chars().filter(|c| !c.is_control()).take(2 * MAX_LABEL).collect()
}
