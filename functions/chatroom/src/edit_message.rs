//! Sends a corrected question of the caller beside the first one.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::{MessageId, Text};
use garde::Validate;
use serde::Deserialize;
use services::answer_requests::{self, MessageReceipt};
use web::{ApiError, Caller, Id, MessageView, Operation, Valid, quota_headers, success};

use crate::accepted_message::AcceptedMessage;

/// The new text of a question.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct EditMessage {
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    content: Text<1, 10_000>,
}

/// Sends a corrected question.
///
/// The new question is stored beside the first one and answered in the background; the chatroom shows
/// its branch. The first one and what follows it remain. It costs one unit of the daily quota.
#[utoipa::path(
    post, path = "/api/chatroom/message/{id}/edit",
    security(("token" = [])),
    request_body = EditMessage,
    params(("id" = MessageId, Path, description = "The question to correct.")),
    responses(
        (status = 201, description = "The new question is stored and will be answered.", body = AcceptedMessage),
        (status = 409, description = "`wrong_state`, `request_in_flight`: The message is an answer, or another request with this key is in progress."),
        (status = 429, description = "`daily_quota_exhausted`, `rate_limited`: All messages of the day are used, or too many requests."),
        (status = 503, description = "`sending_paused`, `model_paused`, `spend_cap_reached`, `unavailable`: An operator has paused sending or the models, a spending cap of the day is reached, or a dependency does not respond."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Id(edited): Id<MessageId>,
    operation: Operation,
    Valid(input): Valid<EditMessage>,
) -> Result<impl IntoResponse, ApiError> {
    let content = input.content.as_str();
    let receipt = operation
        .once(&app, |execution| {
            let app = &app;
            async move { Ok(answer_requests::edit(app, caller.user_id, edited, content, execution).await?) }
        })
        .await?;
    let MessageReceipt { id, created_at, queue_status, usage } = receipt;
    let message = MessageView::pending(id, content, created_at);
    Ok((StatusCode::CREATED, quota_headers(&usage), success(AcceptedMessage { message, queue_status })))
}
