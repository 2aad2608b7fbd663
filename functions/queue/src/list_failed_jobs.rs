//! Lists the failed messages.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::GenerationId;
use serde::Serialize;
use store::generations::admin;
use web::{Admin, ApiError, ValidQuery, success};

use crate::cursor::{Cursor, PageQuery};
use crate::views::{JobView, job_views};

/// A page of failed messages.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct FailedJobListView {
    failed: Vec<JobView>,
    next_cursor: Option<String>,
}

/// Lists failed messages with the outcome of their last attempt, latest failure first.
///
/// Requires the role admin.
#[utoipa::path(
    get, path = "/api/queue/failed",
    security(("token" = [])),
    params(PageQuery),
    responses(
        (status = 200, description = "A page of failed messages.", body = FailedJobListView),
        (status = 403, description = "`forbidden`, `account_suspended`: This requires the role admin."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    _: Admin,
    ValidQuery(query): ValidQuery<PageQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let before = query.cursor.map(|Cursor(at, id)| (at, GenerationId(id)));
    let mut messages = admin::list_failed(&app.db().await?, before, query.limit + 1).await?;
    let next_cursor = query.cut(&mut messages, |last| Cursor(last.updated_at, last.id.0));
    Ok(success(FailedJobListView { failed: job_views(&app, messages).await, next_cursor }))
}
