//! `POST /api/queue/failed/{id}/retry`.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::MessageId;
use serde::Serialize;
use services::jobs;
use store::messages::admin;
use tracing::info;
use web::{Admin, ApiError, Id, success};

use crate::views::absent_or_not_failed;

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Retried {
    message: &'static str,
    id: MessageId,
    /// Whether the queue has it; else the sweeper sends it within two minutes.
    queued: bool,
}

/// Has a failed message answered again, at no cost to its owner.
#[utoipa::path(
    post, path = "/api/queue/failed/{id}/retry", operation_id = "retry_failed", tag = "Queue",
    security(("token" = [])),
    params(("id" = MessageId, Path, description = "The message.")),
    responses(
        (status = 200, description = "It will be answered.", body = Retried),
        (status = 403, description = "`forbidden`: Only an operator may do this."),
        (status = 409, description = "`wrong_state`: It has not failed."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    Admin(caller): Admin,
    Id(id): Id<MessageId>,
) -> Result<impl IntoResponse, ApiError> {
    let revived = admin::retry_message(&app.db().await?, id, app.clock.now()).await?;
    let Some(message) = revived else { return Err(absent_or_not_failed(&app, id).await) };
    info!(message.id = %id, operator.id = %caller.user_id, "answered again by an operator");
    let status = jobs::enqueue(&app, message.chatroom_id, id, message.number).await;
    Ok(success(Retried { message: "The message is answered again", id, queued: status.is_queued() }))
}
