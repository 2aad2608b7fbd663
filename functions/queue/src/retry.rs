//! `POST /api/queue/failed/{id}/retry`.

use app::App;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::MessageId;
use serde_json::json;
use store::messages::operating;
use tracing::info;
use web::{Admin, ApiError, Id, success};

use crate::views::absent_or_not_failed;

/// Has a failed message answered again, at no cost to its owner.
pub(crate) async fn handle(
    State(app): State<App>,
    Admin(caller): Admin,
    Id(id): Id<MessageId>,
) -> Result<impl IntoResponse, ApiError> {
    let revived = operating::revive(&app.db().await?, id, app.clock.now()).await?;
    let Some(message) = revived else { return Err(absent_or_not_failed(&app, id).await) };
    info!(message.id = %id, operator.id = %caller.user_id, "answered again by an operator");
    let queued = app.enqueue(message.chatroom_id, id, message.resend).await;
    Ok(success(json!({ "message": "The message is answered again", "id": id, "queued": queued })))
}
