//! Lists the failed messages.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::MessageId;
use garde::Validate;
use serde::{Deserialize, Deserializer, Serialize, de};
use store::messages::admin;
use web::{Admin, ApiError, ValidQuery, page, success};

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

/// The last message of the previous page: when it failed, and its id.
#[derive(Debug, Clone, Copy)]
struct Cursor(DateTime<Utc>, MessageId);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0.timestamp_micros(), self.1)
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (micros, id) = text.split_once('.')?;
            // No message is older than 1970, and Postgres does not support all times that fit an
            // i64.
            let micros = i64::try_from(micros.parse::<u64>().ok()?).ok()?;
            Some(Self(DateTime::from_timestamp_micros(micros)?, id.parse().ok()?))
        };
        parse().ok_or("must be the next_cursor of another page")
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
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
        (status = 403, description = "`forbidden`: This requires the role admin."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    _: Admin,
    ValidQuery(query): ValidQuery<FailedJobsQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let before = query.cursor.map(|Cursor(at, id)| (at, id));
    let mut messages = admin::list_failed(&app.db().await?, before, query.limit + 1).await?;
    let has_more = page::cut(&mut messages, query.limit);
    let last = messages.last().filter(|_| has_more);
    let next_cursor = last.map(|last| Cursor(last.updated_at, last.id).to_string());
    Ok(success(FailedJobListView { failed: job_views(&app, messages).await, next_cursor }))
}
