//! The problem documents of answers that have failed.

use axum::http::StatusCode;
use domain::message::ErrorCode;
use web::ApiError;

/// The error for a question whose answer has failed with `code`.
pub(super) fn answer_failure(code: ErrorCode) -> ApiError {
    let status = if code.is_retryable() { StatusCode::BAD_GATEWAY } else { StatusCode::UNPROCESSABLE_ENTITY };
    let detail = match code {
        ErrorCode::GeminiOverloaded => "the model is overloaded; ask again in a few minutes",
        ErrorCode::GeminiQuota => "the service has used up its quota at the model; ask again later",
        ErrorCode::GeminiBilling | ErrorCode::GeminiKeyRefused => {
            "the model refuses this service; its operator must fix that"
        }
        ErrorCode::NoAnswer => "the model has returned no text; ask in other words",
        ErrorCode::BlockedBySafety => "the model's safety filter has blocked the answer; ask in other words",
        ErrorCode::InvalidRequest => "the model cannot process this question; ask in other words",
        ErrorCode::Timeout => "the model did not answer in time; ask again",
        ErrorCode::SpendCapReached => "the spending limit of today is reached; ask again after midnight UTC",
        ErrorCode::Internal => "an internal error occurred; ask again",
    };
    ApiError::new(status, code.as_str(), detail).with("is_retryable", code.is_retryable())
}
