//! The problem documents of refused requests for answers.

use axum::http::StatusCode;
use domain::spending::CapScope;
use services::answer_requests::AnswerRequestError;

use crate::ApiError;

impl From<AnswerRequestError> for ApiError {
    fn from(error: AnswerRequestError) -> Self {
        let conflict = |code, detail: &str| Self::new(StatusCode::CONFLICT, code, detail);
        match error {
            AnswerRequestError::Store(error) => error.into(),
            AnswerRequestError::QuotaExhausted { usage, wait } => {
                let detail = format!(
                    "you have used all {} messages of today; you can send more after midnight UTC",
                    usage.daily_message_limit
                );
                Self::new(StatusCode::TOO_MANY_REQUESTS, "daily_quota_exhausted", detail)
                    .with("usage", usage)
                    .with("resets_at", usage.resets_at)
                    .retry_after(wait)
            }
            AnswerRequestError::SpendCapReached { scope, resets_at, wait } => {
                let who = match scope {
                    CapScope::User => "your answers have reached the spending limit of today",
                    CapScope::Service => "this service has reached its spending limit of today",
                };
                let detail = format!("{who}; you can send more after midnight UTC");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "spend_cap_reached", detail)
                    .with("scope", scope)
                    .with("resets_at", resets_at)
                    .retry_after(wait)
            }
            AnswerRequestError::Paused(paused) => paused.into(),
            AnswerRequestError::NotFound(what) => Self::not_found(what),
            AnswerRequestError::ParentNotFound => {
                conflict("parent_not_found", "the chatroom has no message parent_id; load the chatroom again")
            }
            AnswerRequestError::NotAQuestion => conflict("wrong_state", "only a question can be edited"),
            AnswerRequestError::Unfinished => {
                conflict("wrong_state", "the previous answer is not finished; wait for it, or cancel it")
            }
        }
    }
}
