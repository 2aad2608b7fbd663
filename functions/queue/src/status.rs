//! `GET /api/queue/status`.

use std::sync::Arc;

use app::AppState;
use app::telemetry::chain;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use store::messages::admin;
use tracing::warn;
use web::{ApiError, success};

#[derive(Debug, Clone, Copy, Serialize, Deserialize, utoipa::ToSchema)]
struct Counts {
    waiting: i64,
    active: i64,
    delayed: i64,
    /// In the last 24 hours, as is the next.
    completed: i64,
    failed: i64,
}

/// How many messages are in which state, over all people: some seconds old at the most. For everybody.
#[utoipa::path(
    get, path = "/api/queue/status", operation_id = "queue_status", tag = "Queue",
    responses(
        (status = 200, description = "How many are in which state.", body = Counts),
    ),
)]
pub(crate) async fn handle(State(app): State<Arc<AppState>>) -> Result<impl IntoResponse, ApiError> {
    let kept = app.redis.find_queue_status().await;
    let kept =
        kept.inspect_err(|error| warn!(error = chain(error), "counted anew for each")).unwrap_or_default();
    if let Some(counts) = kept.and_then(|kept| serde_json::from_str::<Counts>(&kept).ok()) {
        return Ok(success(counts));
    }
    let counts = count(&app).await?;
    let text = serde_json::to_string(&counts).map_err(ApiError::internal)?;
    if let Err(error) = app.redis.cache_queue_status(&text).await {
        warn!(error = chain(&error), "the counts are not cached");
    }
    Ok(success(counts))
}

async fn count(app: &AppState) -> Result<Counts, ApiError> {
    let now = app.clock.now();
    let backlog = async { admin::count_backlog(&app.db().await?, now).await };
    let totals = Box::pin(app.table()?.job_totals(now));
    let (backlog, totals) = tokio::join!(backlog, totals);
    let (backlog, totals) = (backlog?, totals.map_err(ApiError::unavailable)?);
    Ok(Counts {
        waiting: backlog.waiting,
        active: backlog.active,
        delayed: backlog.delayed,
        completed: totals.completed,
        failed: totals.failed,
    })
}
