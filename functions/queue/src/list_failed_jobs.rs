//! Lists the failed messages.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::GenerationId;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::generations::admin;
use web::{Admin, ApiError, ValidQuery, page, success};

use crate::cursor::Cursor;
use crate::views::{JobView, job_views};

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FailedJobsQuery {
    #[serde(default = "page::default_limit")]
    #[param(minimum = 1, maximum = 100, default = 50)]
    #[garde(range(min = 1, max = 100))]
    limit: i64,
    /// `next_cursor` of the previous page.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^[0-9]{1,15}[.][0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    cursor: Option<Cursor>,
}

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
    params(FailedJobsQuery),
    responses(
        (status = 200, description = "A page of failed messages.", body = FailedJobListView),
        (status = 403, description = "`forbidden`, `account_suspended`: This requires the role admin."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    _: Admin,
    ValidQuery(query): ValidQuery<FailedJobsQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let before = query.cursor.map(|Cursor(at, id)| (at, GenerationId(id)));
    let mut messages = admin::list_failed(&app.db().await?, before, query.limit + 1).await?;
    let has_more = page::cut(&mut messages, query.limit);
    let last = messages.last().filter(|_| has_more);
    let next_cursor = last.map(|last| Cursor(last.updated_at, last.id.0).to_string());
    Ok(success(FailedJobListView { failed: job_views(&app, messages).await, next_cursor }))
}
