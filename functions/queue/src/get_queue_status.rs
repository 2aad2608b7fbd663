//! Counts the messages by state, for all users together.

use std::sync::Arc;

use app::AppState;
use app::telemetry::chain;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use store::generations::admin;
use tracing::warn;
use web::{ApiError, success};

/// The number of messages in each state.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, utoipa::ToSchema)]
struct QueueCounts {
    waiting: i64,
    active: i64,
    delayed: i64,
    /// In the last 24 hours.
    completed: i64,
    /// In the last 24 hours.
    failed: i64,
}

/// Counts the messages in each state, for all users together.
///
/// The counts may be a few seconds old. This endpoint is public.
#[utoipa::path(
    get, path = "/api/queue/status",
    responses(
        (status = 200, description = "The counts.", body = QueueCounts),
    ),
)]
pub(crate) async fn handle(State(app): State<Arc<AppState>>) -> Result<impl IntoResponse, ApiError> {
    let cached = app.redis.find_queue_status().await;
    let cached = cached.inspect_err(|error| warn!(error = chain(error), "the cached counts are unavailable"));
    if let Some(counts) =
        cached.unwrap_or_default().and_then(|text| serde_json::from_str::<QueueCounts>(&text).ok())
    {
        return Ok(success(counts));
    }
    let counts = count(&app).await?;
    let text = serde_json::to_string(&counts).map_err(ApiError::internal)?;
    if let Err(error) = app.redis.cache_queue_status(&text).await {
        warn!(error = chain(&error), "the counts were not cached");
    }
    Ok(success(counts))
}

async fn count(app: &AppState) -> Result<QueueCounts, ApiError> {
    let now = app.clock.now();
    let backlog = async { admin::count_backlog(&app.db().await?, now).await };
    let totals = Box::pin(app.table()?.job_totals(now));
    let (backlog, totals) = tokio::join!(backlog, totals);
    let (backlog, totals) = (backlog?, totals.map_err(ApiError::unavailable)?);
    Ok(QueueCounts {
        waiting: backlog.waiting,
        active: backlog.active,
        delayed: backlog.delayed,
        completed: totals.completed,
        failed: totals.failed,
    })
}
