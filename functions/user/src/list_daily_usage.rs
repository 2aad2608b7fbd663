//! Lists the usage of the caller, day by day.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{Days, NaiveDate};
use domain::quota;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::daily_usage::{self, DailyUsage};
use web::{ApiError, Caller, ValidQuery, success};

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListUsage {
    /// The number of days, today included.
    #[serde(default = "default_days")]
    #[param(minimum = 1, maximum = 366, default = 30)]
    #[garde(range(min = 1, max = 366))]
    days: u64,
}

fn default_days() -> u64 {
    30
}

/// The usage of the last days.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct UsageListView {
    usage: Vec<DailyUsageView>,
}

/// The usage of one day.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct DailyUsageView {
    day: NaiveDate,
    messages: i32,
    /// Tokens sent to the model.
    prompt_tokens: i64,
    /// Of those, tokens that Google read from its cache.
    cached_tokens: i64,
    /// Tokens that the model wrote, thoughts included.
    response_tokens: i64,
    /// Of those, tokens of thoughts.
    thought_tokens: i64,
    /// What the answers cost, in millionths of a US dollar.
    cost_micro_usd: i64,
    /// Calls to models without a configured price, which count as the most expensive one.
    unpriced_calls: i32,
}

/// Lists the usage of each of the last days (UTC), the latest first. Days without usage are
/// included.
#[utoipa::path(
    get, path = "/api/user/usage",
    security(("token" = [])),
    params(ListUsage),
    responses(
        (status = 200, description = "The usage of each day, the latest first.", body = UsageListView),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    ValidQuery(query): ValidQuery<ListUsage>,
) -> Result<impl IntoResponse, ApiError> {
    let today = quota::day_of(app.clock.now());
    let first = today.checked_sub_days(Days::new(query.days - 1)).unwrap_or(today);
    let days = daily_usage::list(&app.db().await?, caller.user_id, first, today).await?;
    let view = |day: DailyUsage| DailyUsageView {
        day: day.day,
        messages: day.messages,
        prompt_tokens: day.prompt_tokens,
        cached_tokens: day.cached_tokens,
        response_tokens: day.response_tokens,
        thought_tokens: day.thought_tokens,
        cost_micro_usd: day.cost_micro_usd,
        unpriced_calls: day.unpriced_calls,
    };
    Ok(success(UsageListView { usage: days.into_iter().map(view).collect() }))
}
