//! [`GenerateError`]: every way a call to the model fails, and whether a retry can help.

use std::fmt;
use std::time::Duration;

use domain::message::{ErrorCode, FinishReason};
use thiserror::Error;

use super::answer::TokenUsage;

/// The longest label kept from the vendor, in characters.
const MAX_LABEL: usize = 80;

/// The model gave no answer.
///
/// Only the vendor's labels (a status, a reason, the name of a quota) are kept, reduced to letters,
/// digits and `-_.`. Google's own messages are dropped: they may quote the request and even the
/// key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GenerateError {
    /// Gemini is overloaded or failing: a 5xx, or a 408, 409 or 499.
    #[error("gemini is overloaded or failing: HTTP {status}")]
    Overloaded {
        /// The HTTP status.
        status: u16,
        /// How long Gemini asks clients to wait.
        retry_delay: Option<Duration>,
    },
    /// A quota that refills within a minute is used up, or Gemini does not say which quota is.
    #[error("gemini's quota per minute is used up: {quota}")]
    MinuteQuota {
        /// The name of the quota, `UNSPECIFIED` when Gemini does not name it.
        quota: String,
        /// How long Gemini asks clients to wait.
        retry_delay: Option<Duration>,
    },
    /// A quota per day, or a quota of zero, is used up: a short wait does not help.
    #[error("gemini's quota per day is used up: {quota}")]
    DailyQuota {
        /// The name of the quota.
        quota: String,
    },
    /// Google charges nothing more to this project: its prepaid credits are used up, a spending cap
    /// is reached, or billing is disabled. An operator must act.
    #[error("gemini refuses the call because of billing: {problem}")]
    Billing {
        /// What is wrong.
        problem: BillingProblem,
    },
    /// Gemini refused to answer this prompt.
    #[error("gemini blocked the prompt: {reason}")]
    BlockedPrompt {
        /// Gemini's reason, such as `PROHIBITED_CONTENT`.
        reason: String,
    },
    /// Gemini withheld its answer.
    #[error("gemini withheld the answer: {reason}")]
    BlockedAnswer {
        /// The finish reason, such as `SAFETY`.
        reason: String,
        /// The tokens of the call, which Google bills.
        usage: TokenUsage,
    },
    /// The call succeeded, but the answer has no visible text: thoughts only, or nothing.
    #[error("gemini answered without text: {finish_reason:?}")]
    NoAnswer {
        /// Why the model stopped. After `MaxTokens`, a call with a larger limit can get text, see
        /// [`Prompt::raise_output_limit`].
        ///
        /// [`Prompt::raise_output_limit`]: super::Prompt::raise_output_limit
        finish_reason: FinishReason,
        /// The tokens of the call, which Google bills.
        usage: TokenUsage,
    },
    /// Gemini rejected the request as invalid: a 400 or another 4xx.
    #[error("gemini did not accept the request: HTTP {status} {reason}")]
    InvalidRequest {
        /// The HTTP status.
        status: u16,
        /// Gemini's name of the error, such as `INVALID_ARGUMENT`.
        reason: String,
    },
    /// Gemini rejected the key, its project or its region: a 401, a 403, or a 400 about one of
    /// them.
    #[error("gemini rejected the key: HTTP {status} {reason}")]
    KeyRejected {
        /// The HTTP status.
        status: u16,
        /// Gemini's reason, such as `API_KEY_INVALID`.
        reason: String,
    },
    /// The model does not exist for this key, or no longer exists.
    #[error("gemini has no model {model}")]
    ModelNotFound {
        /// The model of the request.
        model: String,
    },
    /// The call took longer than its timeout.
    #[error("gemini did not answer in time")]
    Timeout,
    /// Gemini stopped sending before the answer was complete, and kept the connection open.
    #[error("gemini stopped sending in the middle of an answer")]
    Stalled,
    /// No connection could be opened: refused, not found, not trusted, or too slow.
    #[error("gemini cannot be reached: {cause}")]
    Unreachable {
        /// The network error, without the address.
        cause: String,
    },
    /// The connection was lost before the response was complete.
    #[error("the connection to gemini was lost: {cause}")]
    ConnectionLost {
        /// The network error, without the address.
        cause: String,
    },
    /// The caller stopped the call before it had any text.
    #[error("the call was stopped")]
    Stopped {
        /// The tokens of the call as far as Gemini has counted them.
        usage: TokenUsage,
    },
    /// The response does not follow the API.
    #[error("gemini's response is invalid: {problem}")]
    InvalidResponse {
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Why Google refuses to charge a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BillingProblem {
    /// The prepaid credits are used up.
    Credits,
    /// A spending cap is reached: the project's monthly one, or Google's per ten minutes.
    SpendingCap,
    /// The project has no active billing account.
    Disabled,
}

impl fmt::Display for BillingProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credits => "the prepaid credits are used up",
            Self::SpendingCap => "a spending cap is reached",
            Self::Disabled => "the project has no active billing account",
        })
    }
}

impl GenerateError {
    /// The code with which a message fails when its last attempt ends with this error.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Overloaded { .. }
            | Self::Unreachable { .. }
            | Self::ConnectionLost { .. }
            | Self::InvalidResponse { .. } => ErrorCode::GeminiOverloaded,
            Self::MinuteQuota { .. } | Self::DailyQuota { .. } => ErrorCode::GeminiQuota,
            Self::BlockedPrompt { .. } | Self::BlockedAnswer { .. } => ErrorCode::BlockedBySafety,
            Self::InvalidRequest { .. } => ErrorCode::InvalidRequest,
            Self::Billing { .. } => ErrorCode::GeminiBilling,
            Self::KeyRejected { .. } => ErrorCode::GeminiKeyRefused,
            Self::NoAnswer { .. } => ErrorCode::NoAnswer,
            Self::Timeout | Self::Stalled => ErrorCode::Timeout,
            // The configured model is wrong; the user can do nothing about it. A message whose call
            // was stopped does not fail.
            Self::ModelNotFound { .. } | Self::Stopped { .. } => ErrorCode::Internal,
        }
    }

    /// Whether a later retry of the same prompt may succeed. False for [`Self::NoAnswer`]: a second
    /// call at once can get text, later ones are unlikely to.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Overloaded { .. }
            | Self::MinuteQuota { .. }
            | Self::Timeout
            | Self::Stalled
            | Self::Unreachable { .. }
            | Self::ConnectionLost { .. }
            | Self::InvalidResponse { .. } => true,
            Self::DailyQuota { .. }
            | Self::BlockedPrompt { .. }
            | Self::BlockedAnswer { .. }
            | Self::InvalidRequest { .. }
            | Self::KeyRejected { .. }
            | Self::Billing { .. }
            | Self::NoAnswer { .. }
            | Self::Stopped { .. }
            | Self::ModelNotFound { .. } => false,
        }
    }

    /// Whether an operator must act before any call can succeed: the key is refused, or Google
    /// stops charging the project.
    #[must_use]
    pub fn needs_operator(&self) -> bool {
        matches!(self, Self::Billing { .. } | Self::KeyRejected { .. })
    }

    /// The tokens of a failed call that Google bills all the same.
    #[must_use]
    pub fn usage(&self) -> TokenUsage {
        match self {
            Self::BlockedAnswer { usage, .. } | Self::NoAnswer { usage, .. } | Self::Stopped { usage } => {
                *usage
            }
            _ => TokenUsage::default(),
        }
    }

    /// Whether Google may bill the call although its tokens are not known: it ended while the model
    /// may have been at work.
    #[must_use]
    pub fn may_be_billed(&self) -> bool {
        match self {
            Self::Timeout | Self::Stalled | Self::ConnectionLost { .. } | Self::InvalidResponse { .. } => {
                true
            }
            Self::Stopped { usage } => *usage == TokenUsage::default(),
            Self::Overloaded { .. }
            | Self::MinuteQuota { .. }
            | Self::DailyQuota { .. }
            | Self::Billing { .. }
            | Self::BlockedPrompt { .. }
            | Self::BlockedAnswer { .. }
            | Self::NoAnswer { .. }
            | Self::InvalidRequest { .. }
            | Self::KeyRejected { .. }
            | Self::ModelNotFound { .. }
            | Self::Unreachable { .. } => false,
        }
    }

    /// How long Gemini asks clients to wait before a retry, unbounded.
    #[must_use]
    pub fn retry_delay(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_delay, .. } | Self::MinuteQuota { retry_delay, .. } => *retry_delay,
            _ => None,
        }
    }

    pub(super) fn model_not_found(model: &str) -> Self {
        Self::ModelNotFound { model: safe_label(model) }
    }

    pub(super) fn from_transport(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if error.is_connect() {
            Self::Unreachable { cause: cause(&error) }
        } else if error.is_timeout() {
            Self::Timeout
        } else {
            Self::ConnectionLost { cause: cause(&error) }
        }
    }
}

/// A label from the vendor in a form that is safe to log and store: short, with only letters,
/// digits and `-_.`.
pub(super) fn safe_label(name: &str) -> String {
    let is_safe = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let label: String = name.chars().filter(is_safe).take(MAX_LABEL).collect();
    if label.is_empty() { "UNSPECIFIED".to_owned() } else { label }
}

/// The innermost cause, which is the specific one ("connection refused").
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    // The text should hold nothing from the server. The bound limits what an unexpected error adds.
    text.chars().filter(|c| !c.is_control()).take(2 * MAX_LABEL).collect()
}
