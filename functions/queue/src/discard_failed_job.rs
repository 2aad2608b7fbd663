//! Removes a message from the list of failed jobs.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::GenerationId;
use serde::Serialize;
use store::generations::admin;
use tracing::info;
use web::{Admin, ApiError, ClientInfo, Id, success};

use crate::views::absent_or_not_failed;

/// The message that was removed from the list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct DiscardedJob {
    message: &'static str,
    id: GenerationId,
}

/// Removes a message from the list of failed jobs.
///
/// For its owner the message stays failed and can be retried.
#[utoipa::path(
    delete, path = "/api/queue/failed/{id}",
    security(("token" = [])),
    params(("id" = GenerationId, Path, description = "The id of the job.")),
    responses(
        (status = 200, description = "The message is no longer listed.", body = DiscardedJob),
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
    if !admin::dismiss(&app.db().await?, id, caller.operator(&client), app.clock.now()).await? {
        return Err(absent_or_not_failed(&app, id).await);
    }
    info!(generation.id = %id, operator.id = %caller.user_id, "an operator discarded a failed job");
    Ok(success(DiscardedJob { message: "Failed job discarded", id }))
}
