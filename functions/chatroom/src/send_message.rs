//! Accepts a message of the caller.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::quota::{self, Usage};
use domain::{ChatroomId, MessageId, Text, UserId};
use garde::Validate;
use serde::Deserialize;
use services::{chatroom_list, jobs};
use store::messages::sending::{self, NewMessage, SendOutcome};
use store::messages::{self, MessageStatus};
use web::{ApiError, Caller, Execution, Id, Operation, Valid, success};

use crate::accepted_message::{AcceptedMessage, MessageReceipt};
use crate::quota_response::{quota_exhausted, quota_headers, usage_today};
use crate::views::MessageView;

/// The text of a message.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct SendMessage {
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    content: Text<1, 10_000>,
}

/// Accepts a message, which is answered in the background.
///
/// Read the status of the message to get the answer. The message costs one unit of the daily
/// quota.
#[utoipa::path(
    post, path = "/api/chatroom/{id}/message",
    security(("token" = [])),
    request_body = SendMessage,
    params(("id" = ChatroomId, Path, description = "The chatroom.")),
    responses(
        (status = 201, description = "The message is stored and will be answered.", body = AcceptedMessage),
        (status = 429, description = "`daily_quota_exhausted`, `rate_limited`: All messages of the day are used, or too many requests."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Id(chatroom_id): Id<ChatroomId>,
    operation: Operation,
    Valid(input): Valid<SendMessage>,
) -> Result<impl IntoResponse, ApiError> {
    let content = input.content.as_str();
    let receipt = operation
        .once(&app, |execution| accept(&app, caller.user_id, chatroom_id, content, execution))
        .await?;
    let MessageReceipt { id, created_at, queue_status, usage } = receipt;
    let message = MessageView::pending(id, content, created_at);
    Ok((StatusCode::CREATED, quota_headers(&usage), success(AcceptedMessage { message, queue_status })))
}

async fn accept(
    app: &AppState,
    sender: UserId,
    chatroom_id: ChatroomId,
    content: &str,
    execution: Execution,
) -> Result<MessageReceipt, ApiError> {
    let (now, limits, id) = (app.clock.now(), app.config.daily_limits, MessageId(execution.id));
    if execution.is_retry
        && let Some(stored) = find_stored(app, sender, id).await?
    {
        return resume(app, sender, stored).await;
    }
    let message = NewMessage { id, chatroom_id, content, day: quota::day_of(now), created_at: now };
    let sent = sending::insert_message(&app.db().await?, sender, message, limits).await;
    // An earlier execution was aborted while its statement waited, but the statement completed.
    if sent.as_ref().is_err_and(|error| error.violates("messages_pkey"))
        && let Some(stored) = find_stored(app, sender, id).await?
    {
        return resume(app, sender, stored).await;
    }
    let (usage, created_at) = match sent? {
        SendOutcome::Accepted { used, tier, created_at } => {
            (Usage::new(used, limits.of(tier), now), created_at)
        }
        SendOutcome::QuotaExhausted { used, tier } => {
            return Err(quota_exhausted(Usage::new(used, limits.of(tier), now), now));
        }
        SendOutcome::ChatroomNotFound => return Err(ApiError::not_found("chatroom")),
    };
    let (queue_status, ()) =
        tokio::join!(jobs::enqueue(app, chatroom_id, id, 0), chatroom_list::invalidate(app, sender));
    Ok(MessageReceipt { id, created_at, queue_status, usage })
}

/// The message, if it is stored. Returns the connection to the pool first, because the pool may
/// have only one.
async fn find_stored(
    app: &AppState,
    sender: UserId,
    id: MessageId,
) -> Result<Option<MessageStatus>, ApiError> {
    Ok(messages::find_status(&app.db().await?, sender, id).await?)
}

/// Completes an execution that was interrupted after it stored the message, perhaps before it
/// reached the queue.
async fn resume(app: &AppState, sender: UserId, stored: MessageStatus) -> Result<MessageReceipt, ApiError> {
    let usage = usage_today(app, &app.db().await?, sender).await?;
    let MessageStatus { message, chatroom_id, .. } = stored;
    let (queue_status, ()) =
        tokio::join!(jobs::enqueue(app, chatroom_id, message.id, 0), chatroom_list::invalidate(app, sender));
    Ok(MessageReceipt { id: message.id, created_at: message.created_at, queue_status, usage })
}
