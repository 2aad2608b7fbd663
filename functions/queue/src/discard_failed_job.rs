//! Removes a message from the list of failed jobs.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::MessageId;
use serde::Serialize;
use store::messages::admin;
use tracing::info;
use web::{Admin, ApiError, Id, success};

use crate::views::absent_or_not_failed;

/// The message that was removed from the list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct DiscardedJob {
    message: &'static str,
    id: MessageId,
}

/// Removes a message from the list of failed jobs.
///
/// For its owner the message stays failed and can be retried.
#[utoipa::path(
    delete, path = "/api/queue/failed/{id}",
    security(("token" = [])),
    params(("id" = MessageId, Path, description = "The message.")),
    responses(
        (status = 200, description = "The message is no longer listed.", body = DiscardedJob),
        (status = 403, description = "`forbidden`: This requires the role admin."),
        (status = 409, description = "`wrong_state`: The message has not failed."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    Admin(caller): Admin,
    Id(id): Id<MessageId>,
) -> Result<impl IntoResponse, ApiError> {
    if !admin::dismiss_message(&app.db().await?, id, app.clock.now()).await? {
        return Err(absent_or_not_failed(&app, id).await);
    }
    info!(message.id = %id, operator.id = %caller.user_id, "an operator discarded a failed job");
    Ok(success(DiscardedJob { message: "Failed job discarded", id }))
}
