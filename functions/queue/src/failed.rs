//! `GET /api/queue/failed`.

use std::sync::Arc;

use std::fmt;
use std::str::FromStr;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::MessageId;
use garde::Validate;
use serde::{Deserialize, Deserializer, Serialize, de};
use store::messages::admin;
use web::{Admin, ApiError, ValidQuery, page, success};

use crate::views::{JobView, views};

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    #[serde(default = "page::default_limit")]
    #[param(minimum = 1, maximum = 100, default = 50)]
    #[garde(range(min = 1, max = 100))]
    limit: i64,
    /// `next_cursor` of a later page.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^[0-9]{1,15}[.][0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    cursor: Option<Cursor>,
}

/// The last message of the page before: when it failed, and its id.
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
        let read = || {
            let (micros, id) = text.split_once('.')?;
            // No message is older than 1970, and Postgres does not know all times that there are.
            let micros = i64::try_from(micros.parse::<u64>().ok()?).ok()?;
            Some(Self(DateTime::from_timestamp_micros(micros)?, id.parse().ok()?))
        };
        read().ok_or("must be the next_cursor of another page")
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Failed {
    failed: Vec<JobView>,
    next_cursor: Option<String>,
}

/// A page of the failed messages, the latest first, each with what its last attempt came to.
#[utoipa::path(
    get, path = "/api/queue/failed", operation_id = "list_failed", tag = "Queue",
    security(("token" = [])),
    params(Page),
    responses(
        (status = 200, description = "A page.", body = Failed),
        (status = 403, description = "`forbidden`: Only an operator may do this."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    _: Admin,
    ValidQuery(query): ValidQuery<Page>,
) -> Result<impl IntoResponse, ApiError> {
    let before = query.cursor.map(|Cursor(at, id)| (at, id));
    let mut messages = admin::list_failed(&app.db().await?, before, query.limit + 1).await?;
    let more = page::cut(&mut messages, query.limit);
    let last = messages.last().filter(|_| more);
    let next_cursor = last.map(|last| Cursor(last.updated_at, last.id).to_string());
    Ok(success(Failed { failed: views(&app, messages).await, next_cursor }))
}
