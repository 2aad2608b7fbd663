//! Lists what the answers of a day cost.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use chrono::NaiveDate;
use domain::{UserId, quota};
use garde::Validate;
use serde::{Deserialize, Deserializer, Serialize, de};
use store::daily_usage::{self, DailyUsage, ServiceSpending};
use web::{Admin, ApiError, ValidQuery, page, success};

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SpendingQuery {
    /// The day (UTC), by default today.
    #[serde(default, deserialize_with = "day")]
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^2[0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$")]
    day: Option<NaiveDate>,
    #[serde(default = "page::default_limit")]
    #[param(minimum = 1, maximum = 100, default = 50)]
    #[garde(range(min = 1, max = 100))]
    limit: i64,
    /// `next_cursor` of the previous page.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^[1-9][0-9]{0,17}[.][0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    cursor: Option<Cursor>,
}

/// A day such as `2026-11-27`. Years of more digits are no days of this service.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NaiveDate>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let day = text.parse::<NaiveDate>().ok().filter(|day| day.to_string() == text && text.starts_with('2'));
    day.filter(|_| text.len() == 10)
        .map(Some)
        .ok_or_else(|| de::Error::custom("day must be a day, such as 2026-11-27"))
}

/// The last user of the previous page: the cost and the id.
#[derive(Debug, Clone, Copy)]
struct Cursor(i64, UserId);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (cost, id) = text.split_once('.')?;
            let cursor = Self(cost.parse().ok().filter(|cost| *cost > 0)?, id.parse().ok()?);
            (cursor.to_string() == text).then_some(cursor)
        };
        parse().ok_or("must be the next_cursor of another page")
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What the answers of a day cost. Amounts are millionths of a US dollar.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SpendingList {
    day: NaiveDate,
    service: ServiceSpendingView,
    /// The cap for each user, if it is set.
    user_cap_micro_usd: Option<i64>,
    /// The users with any cost, the highest first.
    users: Vec<UserSpendingView>,
    next_cursor: Option<String>,
}

/// What all answers cost. Counted only while there is a cap for the service.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[expect(clippy::struct_field_names, reason = "the unit is part of each name in the response")]
struct ServiceSpendingView {
    cost_micro_usd: Option<i64>,
    /// What calls under way have reserved.
    reserved_micro_usd: Option<i64>,
    cap_micro_usd: Option<i64>,
}

/// What the answers for one user cost.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct UserSpendingView {
    user_id: UserId,
    messages: i32,
    prompt_tokens: i64,
    /// Of those, tokens that Google read from its cache.
    cached_tokens: i64,
    response_tokens: i64,
    /// Of those, tokens of thoughts.
    thought_tokens: i64,
    cost_micro_usd: i64,
    /// Calls to models without a configured price, which count as the most expensive one.
    unpriced_calls: i32,
}

impl From<(UserId, DailyUsage)> for UserSpendingView {
    fn from((user_id, usage): (UserId, DailyUsage)) -> Self {
        Self {
            user_id,
            messages: usage.messages,
            prompt_tokens: usage.prompt_tokens,
            cached_tokens: usage.cached_tokens,
            response_tokens: usage.response_tokens,
            thought_tokens: usage.thought_tokens,
            cost_micro_usd: usage.cost_micro_usd,
            unpriced_calls: usage.unpriced_calls,
        }
    }
}

/// Lists what the answers of a day cost, by user, the highest cost first.
///
/// Requires the role admin. A user without any cost is not listed.
#[utoipa::path(
    get, path = "/api/queue/spending",
    security(("token" = [])),
    params(SpendingQuery),
    responses(
        (status = 200, description = "A page of users.", body = SpendingList),
        (status = 403, description = "`forbidden`, `account_suspended`: This requires the role admin."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    _: Admin,
    ValidQuery(query): ValidQuery<SpendingQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let day = query.day.unwrap_or_else(|| quota::day_of(app.clock.now()));
    let after = query.cursor.map(|Cursor(cost, user)| (cost, user));
    let db = app.db().await?;
    let mut users = daily_usage::list_spenders(&db, day, after, query.limit + 1).await?;
    let spending = daily_usage::find_service_spending(&db, day).await?;
    let has_more = page::cut(&mut users, query.limit);
    let last = users.last().filter(|_| has_more);
    let next_cursor = last.map(|(user, usage)| Cursor(usage.cost_micro_usd, *user).to_string());
    let caps = app.config.daily_limits.spending;
    let (cost, reserved) = spending
        .map(|ServiceSpending { cost_micro_usd, reserved_micro_usd }| (cost_micro_usd, reserved_micro_usd))
        .unzip();
    let service = ServiceSpendingView {
        cost_micro_usd: cost,
        reserved_micro_usd: reserved,
        cap_micro_usd: caps.service,
    };
    let users = users.into_iter().map(Into::into).collect();
    Ok(success(SpendingList { day, service, user_cap_micro_usd: caps.user, users, next_cursor }))
}
