//! Deletes a chatroom.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::ChatroomId;
use services::chatroom_list;
use store::chatrooms;
use web::{ApiError, Caller, Id, MessageResponse, success};

/// Deletes a chatroom with all its messages.
///
/// It cannot be restored.
#[utoipa::path(
    delete, path = "/api/chatroom/{id}",
    security(("token" = [])),
    params(("id" = ChatroomId, Path, description = "The chatroom.")),
    responses(
        (status = 200, description = "The chatroom is deleted.", body = MessageResponse),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Id(id): Id<ChatroomId>,
) -> Result<impl IntoResponse, ApiError> {
    if !chatrooms::delete(&app.db().await?, caller.user_id, id).await? {
        return Err(ApiError::not_found("chatroom"));
    }
    chatroom_list::invalidate(&app, caller.user_id).await;
    Ok(success(MessageResponse { message: "Chatroom deleted" }))
}
