//! `GET /api/queue/jobs/{id}`.

use app::App;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::MessageId;
use serde::Serialize;
use store::messages::operating;
use web::{Admin, ApiError, Id, success};

use crate::views::{JobView, views};

#[derive(Debug, Serialize)]
struct Job {
    job: JobView,
}

/// How far a message is and what its last attempt came to, whatever its state.
pub(crate) async fn handle(
    State(app): State<App>,
    _: Admin,
    Id(id): Id<MessageId>,
) -> Result<impl IntoResponse, ApiError> {
    let message = operating::find_progress(&app.db().await?, id).await?;
    let view = views(&app, message.into_iter().collect()).await.pop();
    Ok(success(Job { job: view.ok_or_else(|| ApiError::not_found("message"))? }))
}
