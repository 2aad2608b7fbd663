//! `GET /api/queue/jobs/{id}`.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::MessageId;
use serde::Serialize;
use store::messages::progress;
use web::{Admin, ApiError, Id, success};

use crate::views::{JobView, views};

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Job {
    job: JobView,
}

/// How far a message is and what its last attempt came to, whatever its state.
#[utoipa::path(
    get, path = "/api/queue/jobs/{id}", operation_id = "job", tag = "Queue",
    security(("token" = [])),
    params(("id" = MessageId, Path, description = "The message.")),
    responses(
        (status = 200, description = "The message.", body = Job),
        (status = 403, description = "`forbidden`: Only an operator may do this."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    _: Admin,
    Id(id): Id<MessageId>,
) -> Result<impl IntoResponse, ApiError> {
    let message = progress::find(&app.db().await?, id).await?;
    let view = views(&app, message.into_iter().collect()).await.pop();
    Ok(success(Job { job: view.ok_or_else(|| ApiError::not_found("message"))? }))
}
