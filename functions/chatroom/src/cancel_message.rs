//! Cancels a message that has no answer yet.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::MessageId;
use serde::Serialize;
use store::messages::owner_actions;
use web::{ApiError, Caller, Id, success};

use crate::get_message_status::wrong_state;
use crate::views::MessageView;

/// The message after it was cancelled.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct CancelledMessage {
    message: MessageView,
}

/// Cancels a message that has no answer yet. Its quota unit is refunded, unless the model is already
/// working on the answer.
#[utoipa::path(
    post, path = "/api/chatroom/message/{id}/cancel",
    security(("token" = [])),
    params(("id" = MessageId, Path, description = "The message.")),
    responses(
        (status = 200, description = "The message is cancelled.", body = CancelledMessage),
        (status = 409, description = "`wrong_state`: The message is already in a final state."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Id(id): Id<MessageId>,
) -> Result<impl IntoResponse, ApiError> {
    let db = app.db().await?;
    let Some(message) = owner_actions::cancel_message(&db, caller.user_id, id, app.clock.now()).await? else {
        let detail = "only a pending or processing message can be cancelled";
        return Err(wrong_state(&db, caller.user_id, id, detail).await);
    };
    Ok(success(CancelledMessage { message: message.into() }))
}
