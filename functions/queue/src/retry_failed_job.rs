//! Retries one failed message.

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

/// The message that is retried.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct RetriedJob {
    message: &'static str,
    id: MessageId,
    /// Whether the message is on the queue. If not, the sweeper sends it within two minutes.
    queued: bool,
}

/// Retries a failed message.
///
/// It costs its owner no quota.
#[utoipa::path(
    post, path = "/api/queue/failed/{id}/retry",
    security(("token" = [])),
    params(("id" = MessageId, Path, description = "The message.")),
    responses(
        (status = 200, description = "The message will be answered.", body = RetriedJob),
        (status = 403, description = "`forbidden`: This requires the role admin."),
        (status = 409, description = "`wrong_state`: The message has not failed."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    Admin(caller): Admin,
    Id(id): Id<MessageId>,
) -> Result<impl IntoResponse, ApiError> {
    let retried = admin::retry_message(&app.db().await?, id, app.clock.now()).await?;
    let Some(message) = retried else { return Err(absent_or_not_failed(&app, id).await) };
    info!(message.id = %id, operator.id = %caller.user_id, "an operator retried a failed job");
    let status = jobs::enqueue(&app, message.chatroom_id, id, message.number).await;
    Ok(success(RetriedJob { message: "Failed job retried", id, queued: status.is_queued() }))
}
