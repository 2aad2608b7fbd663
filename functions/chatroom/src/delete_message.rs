//! Deletes a message with what follows it.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::MessageId;
use services::chatroom_list;
use store::messages::deletion;
use web::{ApiError, Caller, Id, MessageResponse, success};

/// Deletes a message with everything that follows it on its branches.
///
/// It cannot be restored. If the chatroom shows the message, it shows the nearest sibling instead.
/// Deleting an answer leaves its question.
#[utoipa::path(
    delete, path = "/api/chatroom/message/{id}",
    security(("token" = [])),
    params(("id" = MessageId, Path, description = "The message.")),
    responses(
        (status = 200, description = "The message is deleted.", body = MessageResponse),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Id(id): Id<MessageId>,
) -> Result<impl IntoResponse, ApiError> {
    if deletion::delete_message(&mut app.db().await?, caller.user_id, id).await?.is_none() {
        return Err(ApiError::not_found("message"));
    }
    chatroom_list::invalidate(&app, caller.user_id).await;
    Ok(success(MessageResponse { message: "Message deleted" }))
}
