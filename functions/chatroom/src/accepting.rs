//! What sending a message and having one answered again share: the quota's answers.

use app::AppState;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use chrono::{DateTime, Utc};
use domain::quota::{self, Usage};
use domain::{MessageId, UserId};
use serde::{Deserialize, Serialize};
use services::jobs::QueueStatus;
use store::{GenericClient, users};
use web::ApiError;

use crate::views::MessageView;

/// The answer to a message that was taken in.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Accepted {
    pub(crate) message: MessageView,
    pub(crate) queue_status: QueueStatus,
}

/// What was done: all of the answer but the text.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) id: MessageId,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) queue_status: QueueStatus,
    pub(crate) usage: Usage,
}

/// What `owner` has used of today's messages, for an execution that finds its work done.
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

/// The answer where the messages of the day of `now` are used up.
pub(crate) fn quota_exhausted(usage: Usage, now: DateTime<Utc>) -> ApiError {
    let wait = (usage.resets_at - now).to_std().unwrap_or_default();
    let detail = format!(
        "all {} messages of today are used; the count starts again at {}",
        usage.daily_message_limit,
        usage.resets_at.to_rfc3339()
    );
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "daily_quota_exhausted", detail)
        .with("usage", usage)
        .with("resets_at", usage.resets_at)
        .retry_after(wait)
}

/// What is left of the day's messages, as headers.
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
