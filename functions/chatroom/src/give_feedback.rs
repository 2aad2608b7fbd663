//! Stores or withdraws what the caller says about an answer.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::feedback::Rating;
use domain::{MessageId, Text};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::feedback::{self, Feedback, FeedbackOutcome};
use web::{ApiError, Caller, Id, Valid, success};

use crate::views::FeedbackView;

/// What the caller says about an answer.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct GiveFeedback {
    /// `null` withdraws the feedback.
    // Without this attribute an absent field would withdraw it too.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true)]
    #[garde(skip)]
    rating: Option<Rating>,
    /// The reason. Operators can read it. Without it an earlier one is removed.
    #[garde(dive)]
    comment: Option<Text<0, 1000>>,
}

/// The caller's feedback to the answer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct GivenFeedback {
    message: &'static str,
    feedback: Option<FeedbackView>,
}

/// Rates an answer, with a comment if the caller likes.
///
/// It replaces earlier feedback to the answer. It is deleted with the answer.
#[utoipa::path(
    post, path = "/api/chatroom/message/{id}/feedback",
    security(("token" = [])),
    request_body = GiveFeedback,
    params(("id" = MessageId, Path, description = "The answer.")),
    responses(
        (status = 200, description = "The feedback is stored or withdrawn.", body = GivenFeedback),
        (status = 409, description = "`wrong_state`: The message is a question."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Id(answer): Id<MessageId>,
    Valid(input): Valid<GiveFeedback>,
) -> Result<impl IntoResponse, ApiError> {
    let comment = input.comment.as_ref().map(Text::trim).filter(|comment| !comment.is_empty());
    let (db, owner, now) = (app.db().await?, caller.user_id, app.clock.now());
    let (outcome, message) = match (input.rating, comment) {
        (Some(rating), _) => {
            (feedback::update(&db, owner, answer, rating, comment, now).await?, "Feedback saved")
        }
        (None, None) => (feedback::delete(&db, owner, answer).await?, "Feedback withdrawn"),
        (None, Some(_)) => {
            return Err(ApiError::invalid(vec!["comment: must be absent without a rating".to_owned()]));
        }
    };
    match outcome {
        FeedbackOutcome::Saved => {}
        FeedbackOutcome::NotAnAnswer => {
            let detail = "only an answer has feedback, not a question";
            return Err(ApiError::new(StatusCode::CONFLICT, "wrong_state", detail));
        }
        FeedbackOutcome::NotFound => return Err(ApiError::not_found("message")),
    }
    let given =
        input.rating.map(|rating| Feedback { rating, comment: comment.map(str::to_owned), updated_at: now });
    Ok(success(GivenFeedback { message, feedback: given.map(Into::into) }))
}
