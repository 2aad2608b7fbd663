//! `DELETE /api/queue/failed/{id}`.

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

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Dismissed {
    message: &'static str,
    id: MessageId,
}

/// Strikes a failed message off the list. For its owner it stays failed, and can be retried.
#[utoipa::path(
    delete, path = "/api/queue/failed/{id}", operation_id = "dismiss", tag = "Queue",
    security(("token" = [])),
    params(("id" = MessageId, Path, description = "The message.")),
    responses(
        (status = 200, description = "It is off the list.", body = Dismissed),
        (status = 403, description = "`forbidden`: Only an operator may do this."),
        (status = 409, description = "`wrong_state`: It has not failed."),
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
    info!(message.id = %id, operator.id = %caller.user_id, "struck off the list by an operator");
    Ok(success(Dismissed { message: "The message is off the list", id }))
}
