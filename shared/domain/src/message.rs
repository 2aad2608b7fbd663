//! The life of a message.

use crate::named::named;

named! {
    /// Who wrote a message.
    MessageType {
        /// The person.
        User = "user",
        /// The model.
        Ai = "ai",
    }
}

named! {
    /// How far the answer to a message is. Pending and processing pass; the others are final.
    ProcessingStatus {
        /// Accepted, not being answered at this moment.
        Pending = "pending",
        /// A worker holds it.
        Processing = "processing",
        /// Answered.
        Completed = "completed",
        /// Given up; the error code says why.
        Failed = "failed",
        /// Stopped by the person.
        Cancelled = "cancelled",
    }
}

impl ProcessingStatus {
    /// Whether the status will not change by itself any more.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

named! {
    /// Why a message was given up.
    ErrorCode {
        /// Gemini was overloaded or out of order each time.
        GeminiOverloaded = "gemini_overloaded",
        /// Gemini's quota is used up.
        GeminiQuota = "gemini_quota",
        /// Gemini refused the prompt or withheld the answer.
        BlockedBySafety = "blocked_by_safety",
        /// Gemini did not accept the request.
        InvalidRequest = "invalid_request",
        /// Gemini did not answer in time.
        Timeout = "timeout",
        /// A fault of ours.
        Internal = "internal",
    }
}

impl ErrorCode {
    /// The reasons that may be gone: the others lie in the message itself, which would only fail again.
    pub const CURABLE: [Self; 4] = [Self::GeminiOverloaded, Self::GeminiQuota, Self::Timeout, Self::Internal];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for status in [ProcessingStatus::Pending, ProcessingStatus::Failed] {
            assert_eq!(ProcessingStatus::try_from(status.as_str()).unwrap(), status);
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for other in ["\"Failed\"", "{\"failed\":null}", "3", "null"] {
            assert!(serde_json::from_str::<ProcessingStatus>(other).is_err(), "{other}");
        }
        assert!(ErrorCode::try_from("nonsense").unwrap_err().to_string().contains("nonsense"));
    }
}
