//! `GET /api/user/usage`.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{Days, NaiveDate};
use domain::quota;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::users;
use web::{ApiError, Caller, ValidQuery, success};

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Period {
    /// How many days, today included.
    #[serde(default = "default_days")]
    #[param(minimum = 1, maximum = 366, default = 30)]
    #[garde(range(min = 1, max = 366))]
    days: u64,
}

fn default_days() -> u64 {
    30
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct UsageByDay {
    usage: Vec<DayView>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct DayView {
    day: NaiveDate,
    messages: i32,
    prompt_tokens: i64,
    response_tokens: i64,
}

/// What the caller used on each of the last days (UTC), the latest first; days without any use are there too.
#[utoipa::path(
    get, path = "/api/user/usage", operation_id = "usage", tag = "User",
    security(("token" = [])),
    params(Period),
    responses(
        (status = 200, description = "Day by day, the latest first.", body = UsageByDay),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    ValidQuery(period): ValidQuery<Period>,
) -> Result<impl IntoResponse, ApiError> {
    let today = quota::day_of(app.clock.now());
    let first = today.checked_sub_days(Days::new(period.days - 1)).unwrap_or(today);
    let days = users::list_usage(&app.db().await?, caller.user_id, first, today).await?;
    let view = |day: users::DailyUsage| DayView {
        day: day.day,
        messages: day.messages,
        prompt_tokens: day.prompt_tokens,
        response_tokens: day.response_tokens,
    };
    Ok(success(UsageByDay { usage: days.into_iter().map(view).collect() }))
}
