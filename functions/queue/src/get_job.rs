//! Shows the processing of one message.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::MessageId;
use serde::Serialize;
use store::messages::progress;
use web::{Admin, ApiError, Id, success};

use crate::views::{JobView, job_views};

/// The job.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct JobResponse {
    job: JobView,
}

/// Shows a message in any status, with the outcome of its last attempt.
///
/// Requires the role admin.
#[utoipa::path(
    get, path = "/api/queue/jobs/{id}",
    security(("token" = [])),
    params(("id" = MessageId, Path, description = "The message.")),
    responses(
        (status = 200, description = "The message.", body = JobResponse),
        (status = 403, description = "`forbidden`: This requires the role admin."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    _: Admin,
    Id(id): Id<MessageId>,
) -> Result<impl IntoResponse, ApiError> {
    let message = progress::find(&app.db().await?, id).await?;
    let view = job_views(&app, message.into_iter().collect()).await.pop();
    Ok(success(JobResponse { job: view.ok_or_else(|| ApiError::not_found("message"))? }))
}
