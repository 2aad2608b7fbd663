//! Shows the processing of one message.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::GenerationId;
use serde::Serialize;
use store::generations::progress;
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
    params(("id" = GenerationId, Path, description = "The id of the job.")),
    responses(
        (status = 200, description = "The message.", body = JobResponse),
        (status = 403, description = "`forbidden`, `account_suspended`: This requires the role admin."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    _: Admin,
    Id(id): Id<GenerationId>,
) -> Result<impl IntoResponse, ApiError> {
    let message = progress::find(&app.db().await?, id).await?;
    let view = job_views(&app, message.into_iter().collect()).await.pop();
    Ok(success(JobResponse { job: view.ok_or_else(|| ApiError::not_found("message"))? }))
}
