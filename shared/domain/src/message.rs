//! The states of a message.

use crate::string_enum::string_enum;

string_enum! {
    /// Who wrote a message.
    MessageType {
        /// The user.
        User = "user",
        /// The model.
        Ai = "ai",
    }
}

string_enum! {
    /// The state of the answer to a message. `Pending` and `Processing` are transient; the others
    /// are final.
    ProcessingStatus {
        /// Accepted; no worker answers it at the moment.
        Pending = "pending",
        /// A worker has the lease and answers it.
        Processing = "processing",
        /// Answered.
        Completed = "completed",
        /// Failed for good; the error code says why.
        Failed = "failed",
        /// Stopped by the user.
        Cancelled = "cancelled",
    }
}

impl ProcessingStatus {
    /// Whether the status is final unless the user or an operator retries the message.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

string_enum! {
    /// Why Gemini stopped writing an answer. Any reason but `Stop` means that the answer is
    /// incomplete.
    FinishReason {
        /// The answer is complete.
        Stop = "stop",
        /// The answer reached the maximum number of output tokens.
        MaxTokens = "max_tokens",
        /// The answer reached the maximum time for a generation.
        MaxTime = "max_time",
        /// Gemini's safety filter ended the answer.
        Safety = "safety",
        /// Gemini ended the answer because it repeats a source too closely.
        Recitation = "recitation",
        /// The user stopped the answer.
        Cancelled = "cancelled",
        /// Any other reason.
        Other = "other",
    }
}

string_enum! {
    /// What a pending message waits for before its next attempt.
    WaitReason {
        /// The rate limit of Gemini.
        RateLimit = "rate_limit",
        /// The end of an outage of Gemini.
        Outage = "outage",
        /// The delay before the retry of a failed attempt.
        Retry = "retry",
        /// A spending cap of the day.
        SpendCap = "spend_cap",
    }
}

string_enum! {
    /// Why a message failed.
    ErrorCode {
        /// Gemini was overloaded or unavailable at each attempt.
        GeminiOverloaded = "gemini_overloaded",
        /// The quota at Gemini is used up.
        GeminiQuota = "gemini_quota",
        /// Gemini's prepaid credits are used up, or its spending cap is reached.
        GeminiBilling = "gemini_billing",
        /// Gemini refused the API key.
        GeminiKeyRefused = "gemini_key_refused",
        /// Gemini answered without text.
        NoAnswer = "no_answer",
        /// Gemini refused the prompt or withheld the answer.
        BlockedBySafety = "blocked_by_safety",
        /// Gemini rejected the request.
        InvalidRequest = "invalid_request",
        /// Gemini did not answer in time.
        Timeout = "timeout",
        /// The spending cap of the day was reached, and its reset was too far away.
        SpendCapReached = "spend_cap_reached",
        /// An internal error of this service.
        Internal = "internal",
    }
}

impl ErrorCode {
    /// Whether a retry can succeed. The other codes have their cause in the message, so a retry
    /// fails again.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::GeminiOverloaded
            | Self::GeminiQuota
            | Self::GeminiBilling
            | Self::GeminiKeyRefused
            | Self::Timeout
            | Self::SpendCapReached
            | Self::Internal => true,
            Self::NoAnswer | Self::BlockedBySafety | Self::InvalidRequest => false,
        }
    }

    /// Whether the user caused the failure by what they sent. Such a message keeps its quota unit,
    /// because the model was called for it.
    #[must_use]
    pub const fn is_caused_by_user(self) -> bool {
        matches!(self, Self::NoAnswer | Self::BlockedBySafety)
    }

    /// The codes worth a retry.
    #[must_use]
    pub fn retryable() -> Vec<Self> {
        Self::ALL.iter().copied().filter(|code| code.is_retryable()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_a_round_trip_and_others_are_refused() {
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
