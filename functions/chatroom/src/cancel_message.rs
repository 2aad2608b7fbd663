//! `POST /api/chatroom/message/{id}/cancel`.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::MessageId;
use serde::Serialize;
use store::messages::owner_actions;
use web::{ApiError, Caller, Id, success};

use crate::message_status::wrong_state;
use crate::views::MessageView;

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Cancelled {
    message: MessageView,
}

/// Stops a message that is not answered yet. Its unit of quota is given back.
#[utoipa::path(
    post, path = "/api/chatroom/message/{id}/cancel", operation_id = "cancel_message", tag = "Chatroom",
    security(("token" = [])),
    params(("id" = MessageId, Path, description = "The message.")),
    responses(
        (status = 200, description = "The message is stopped.", body = Cancelled),
        (status = 409, description = "`wrong_state`: It is finished already."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Id(id): Id<MessageId>,
) -> Result<impl IntoResponse, ApiError> {
    let db = app.db().await?;
    match owner_actions::cancel_message(&db, caller.user_id, id, app.clock.now()).await? {
        Some(message) => Ok(success(Cancelled { message: message.into() })),
        None => Err(wrong_state(
            &db,
            caller.user_id,
            id,
            "only a message that waits for its answer can be stopped",
        )
        .await),
    }
}
