//! Retries one failed message.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::GenerationId;
use serde::Serialize;
use services::jobs;
use store::generations::admin;
use tracing::info;
use web::{Admin, ApiError, ClientInfo, Id, success};

use crate::views::absent_or_not_failed;

/// The message that is retried.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct RetriedJob {
    message: &'static str,
    id: GenerationId,
    /// Whether the message is on the queue. If not, the sweeper sends it within two minutes.
    queued: bool,
}

/// Retries a failed message.
///
/// It costs its owner no quota.
#[utoipa::path(
    post, path = "/api/queue/failed/{id}/retry",
    security(("token" = [])),
    params(("id" = GenerationId, Path, description = "The id of the job.")),
    responses(
        (status = 200, description = "The message will be answered.", body = RetriedJob),
        (status = 403, description = "`forbidden`, `account_suspended`: This requires the role admin."),
        (status = 409, description = "`wrong_state`: The message has not failed."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    Admin(caller): Admin,
    client: ClientInfo,
    Id(id): Id<GenerationId>,
) -> Result<impl IntoResponse, ApiError> {
    let retried = admin::retry(&app.db().await?, id, caller.operator(&client), app.clock.now()).await?;
    let Some(message) = retried else { return Err(absent_or_not_failed(&app, id).await) };
    info!(generation.id = %id, operator.id = %caller.user_id, "an operator retried a failed job");
    let status = jobs::enqueue(&app, message.chatroom_id, id, message.number, message.origin.as_ref()).await;
    Ok(success(RetriedJob { message: "Failed job retried", id, queued: status.is_queued() }))
}
