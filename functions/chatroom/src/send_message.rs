//! `POST /api/chatroom/{id}/message`.

use app::App;
use app::telemetry::chain;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::IntoResponse;
use domain::message::{MessageType, ProcessingStatus};
use domain::quota::{self, Usage};
use domain::{ChatroomId, MessageId, Text};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::messages::sending::{self, NewMessage, Sent};
use tracing::error;
use web::{ApiError, Caller, Id, Valid, success};

use crate::list_cache;
use crate::views::MessageView;

#[derive(Debug, Default, Deserialize, Validate)]
#[serde(default)]
pub(crate) struct SendMessage {
    #[garde(dive)]
    content: Text<1, 10_000>,
}

#[derive(Debug, Serialize)]
struct Accepted {
    message: MessageView,
    queue_status: QueueStatus,
}

/// Whether the worker has been told of the message.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum QueueStatus {
    /// It has.
    Queued,
    /// The queue did not answer; the message is stored, and will be sent from there.
    Delayed,
}

/// Takes a message in, to be answered in the background.
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    Id(chatroom_id): Id<ChatroomId>,
    Valid(input): Valid<SendMessage>,
) -> Result<impl IntoResponse, ApiError> {
    let (now, limits) = (app.clock.now(), app.config.daily_limits);
    let id = MessageId::new(now);
    let content = input.content.as_str();
    let message = NewMessage { id, chatroom_id, content, day: quota::day_of(now), created_at: now };
    let sent = sending::insert(&app.db().await?, caller.user_id, message, limits).await?;
    let usage = match sent {
        Sent::Accepted { used, tier } => Usage::new(used, limits.of(tier), now),
        Sent::QuotaExhausted { tier } => {
            let limit = limits.of(tier);
            return Err(quota_exhausted(&app, Usage::new(limit, limit, now)));
        }
        Sent::NoSuchRoom => return Err(ApiError::not_found("chatroom")),
    };
    let (queue_status, ()) =
        tokio::join!(enqueue(&app, chatroom_id, id), list_cache::drop(&app, caller.user_id));
    let message = MessageView {
        id,
        content: content.to_owned(),
        message_type: MessageType::User,
        processing_status: ProcessingStatus::Pending,
        created_at: now,
    };
    Ok((StatusCode::CREATED, quota_headers(&usage), success(Accepted { message, queue_status })))
}

/// Tells the worker. The message is stored already, so a queue that does not answer loses nothing.
async fn enqueue(app: &App, room: ChatroomId, message: MessageId) -> QueueStatus {
    let sent = match app.queue() {
        Ok(queue) => queue.send_message(room, message, 0).await.map_err(|error| chain(&error)),
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

fn quota_exhausted(app: &App, usage: Usage) -> ApiError {
    let wait = (usage.resets_at - app.clock.now()).to_std().unwrap_or_default();
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

fn quota_headers(usage: &Usage) -> HeaderMap {
    [
        ("x-quota-limit", i64::from(usage.daily_message_limit)),
        ("x-quota-remaining", i64::from(usage.remaining_messages)),
        ("x-quota-reset", usage.resets_at.timestamp()),
    ]
    .map(|(name, value)| (HeaderName::from_static(name), value.into()))
    .into_iter()
    .collect()
}
