//! What sending a message and having one answered again share: the quota's answers, and telling the worker.

use app::App;
use app::telemetry::chain;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use chrono::{DateTime, Utc};
use domain::quota::Usage;
use domain::{ChatroomId, MessageId};
use serde::Serialize;
use tracing::error;
use web::ApiError;

use crate::views::MessageView;

/// The answer to a message that was taken in.
#[derive(Debug, Serialize)]
pub(crate) struct Accepted {
    pub(crate) message: MessageView,
    pub(crate) queue_status: QueueStatus,
}

/// Whether the worker has been told of the message.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QueueStatus {
    /// It has.
    Queued,
    /// The queue did not answer; the message is stored, and will be sent from there.
    Delayed,
}

/// Tells the worker. The message is stored already, so a queue that does not answer loses nothing.
pub(crate) async fn enqueue(app: &App, room: ChatroomId, message: MessageId, resend: i32) -> QueueStatus {
    let sent = match app.queue() {
        Ok(queue) => queue.send_message(room, message, resend).await.map_err(|error| chain(&error)),
        Err(error) => Err(chain(&error)),
    };
    match sent {
        Ok(()) => QueueStatus::Queued,
        Err(error) => {
            error!(error, message.id = %message, "a stored message could not be queued");
            QueueStatus::Delayed
        }
    }
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
