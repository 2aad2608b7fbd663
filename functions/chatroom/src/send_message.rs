//! Accepts a message of the caller.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::{ChatroomId, MessageId, Text};
use garde::Validate;
use serde::Deserialize;
use services::answer_requests::{self, MessageReceipt, NewQuestion};
use web::{ApiError, Caller, Id, MessageView, Operation, Valid, quota_headers, success};

use crate::accepted_message::AcceptedMessage;

/// The text of a message, and its place.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct SendMessage {
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    content: Text<1, 10_000>,
    /// The message that it follows, the last in the client. Its branch becomes the active
    /// one. Without it, the message follows the last one on the active branch.
    #[garde(skip)]
    parent_id: Option<MessageId>,
}

/// Accepts a message, which is answered in the background.
///
/// Read the status of the message to get the answer. The message costs one unit of the daily
/// quota.
#[utoipa::path(
    post, path = "/api/chatroom/{id}/message",
    security(("token" = [])),
    request_body = SendMessage,
    params(("id" = ChatroomId, Path, description = "The chatroom.")),
    responses(
        (status = 201, description = "The message is stored and will be answered.", body = AcceptedMessage),
        (status = 409, description = "`parent_not_found`, `request_in_flight`: The chatroom has no message `parent_id`, for example because it was deleted; or another request with this key is in progress."),
        (status = 429, description = "`daily_quota_exhausted`, `rate_limited`: All messages of the day are used, or too many requests."),
        (status = 503, description = "`sending_paused`, `model_paused`, `spend_cap_reached`, `unavailable`: An operator has paused sending or the models, a spending cap of the day is reached, or a dependency does not respond."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Id(chatroom_id): Id<ChatroomId>,
    operation: Operation,
    Valid(input): Valid<SendMessage>,
) -> Result<impl IntoResponse, ApiError> {
    let (content, parent) = (input.content.as_str(), input.parent_id);
    let receipt = operation
        .once(&app, |execution| {
            let app = &app;
            async move {
                let question = NewQuestion { chatroom_id, content, parent };
                Ok(answer_requests::send(app, caller.user_id, question, execution).await?)
            }
        })
        .await?;
    let MessageReceipt { id, created_at, queue_status, usage } = receipt;
    let message = MessageView::pending(id, content, created_at);
    Ok((StatusCode::CREATED, quota_headers(&usage), success(AcceptedMessage { message, queue_status })))
}
