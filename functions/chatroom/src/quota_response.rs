//! How responses report the daily message quota: headers, and the error when it is exhausted.

use app::AppState;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use chrono::{DateTime, Utc};
use domain::UserId;
use domain::quota::{self, Usage};
use store::{GenericClient, users};
use web::ApiError;

/// The messages that `owner` has used today. Only an execution that finds its message already
/// stored needs this query; the insertion returns the same numbers.
pub(crate) async fn usage_today(
    app: &AppState,
    db: &impl GenericClient,
    owner: UserId,
) -> Result<Usage, ApiError> {
    let now = app.clock.now();
    let found = users::find_with_usage(db, owner, quota::day_of(now)).await?;
    let (account, used) = found.ok_or_else(|| ApiError::not_found("account"))?;
    Ok(Usage::new(used, app.config.daily_limits.of(account.tier), now))
}

/// 429: the user has sent all messages of the day.
pub(crate) fn quota_exhausted(usage: Usage, now: DateTime<Utc>) -> ApiError {
    let wait = (usage.resets_at - now).to_std().unwrap_or_default();
    let detail = format!(
        "you have used all {} messages of today; you can send more after midnight UTC",
        usage.daily_message_limit
    );
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "daily_quota_exhausted", detail)
        .with("usage", usage)
        .with("resets_at", usage.resets_at)
        .retry_after(wait)
}

/// The quota headers: limit, remaining messages, and the reset in seconds since 1970.
pub(crate) fn quota_headers(usage: &Usage) -> HeaderMap {
    [
        ("x-quota-limit", i64::from(usage.daily_message_limit)),
        ("x-quota-remaining", i64::from(usage.remaining_messages)),
        ("x-quota-reset", usage.resets_at.timestamp()),
    ]
    .map(|(name, value)| (HeaderName::from_static(name), value.into()))
    .into_iter()
    .collect()
}
