//! `POST /api/chatroom/{id}/message`.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::message::{MessageType, ProcessingStatus};
use domain::quota::{self, Usage};
use domain::{ChatroomId, MessageId, Text, UserId};
use garde::Validate;
use serde::Deserialize;
use services::{chatroom_list, jobs};
use store::messages::sending::{self, NewMessage, SendOutcome};
use store::messages::{self, MessageStatus};
use web::{ApiError, Caller, Execution, Id, Operation, Valid, success};

use crate::accepting::{Accepted, Receipt, quota_exhausted, quota_headers, usage_today};
use crate::views::MessageView;

#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct SendMessage {
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    content: Text<1, 10_000>,
}

/// Takes a message in, to be answered in the background.
#[utoipa::path(
    post, path = "/api/chatroom/{id}/message", operation_id = "send_message", tag = "Chatroom",
    security(("token" = [])),
    request_body = SendMessage,
    params(("id" = ChatroomId, Path, description = "The conversation.")),
    responses(
        (status = 201, description = "The message is stored and will be answered.", body = Accepted),
        (status = 429, description = "`daily_quota_exhausted`, `rate_limited`: The messages of the day are used up, or too many requests."),
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
    let accepted = operation
        .once(&app, |execution| accept(&app, caller.user_id, chatroom_id, content, execution))
        .await?;
    let Receipt { id, created_at, queue_status, usage } = accepted;
    let message = MessageView {
        id,
        content: content.to_owned(),
        message_type: MessageType::User,
        processing_status: ProcessingStatus::Pending,
        created_at,
    };
    Ok((StatusCode::CREATED, quota_headers(&usage), success(Accepted { message, queue_status })))
}

async fn accept(
    app: &AppState,
    sender: UserId,
    chatroom_id: ChatroomId,
    content: &str,
    execution: Execution,
) -> Result<Receipt, ApiError> {
    let (now, limits, id) = (app.clock.now(), app.config.daily_limits, MessageId(execution.id));
    if execution.again
        && let Some(stored) = find(app, sender, id).await?
    {
        return accepted_before(app, sender, stored).await;
    }
    let message = NewMessage { id, chatroom_id, content, day: quota::day_of(now), created_at: now };
    let sent = sending::insert_message(&app.db().await?, sender, message, limits).await;
    // An execution that was given up while its statement was waiting has stored it after all.
    if sent.as_ref().is_err_and(|error| error.violates("messages_pkey"))
        && let Some(stored) = find(app, sender, id).await?
    {
        return accepted_before(app, sender, stored).await;
    }
    let usage = match sent? {
        SendOutcome::Accepted { used, tier } => Usage::new(used, limits.of(tier), now),
        SendOutcome::QuotaExhausted { used, tier } => {
            return Err(quota_exhausted(Usage::new(used, limits.of(tier), now), now));
        }
        SendOutcome::ChatroomNotFound => return Err(ApiError::not_found("chatroom")),
    };
    let (queue_status, ()) =
        tokio::join!(jobs::enqueue(app, chatroom_id, id, 0), chatroom_list::invalidate(app, sender));
    Ok(Receipt { id, created_at: now, queue_status, usage })
}

/// The message, if it is stored. The connection is given back before anything else is done with it: a pool may have one.
async fn find(app: &AppState, sender: UserId, id: MessageId) -> Result<Option<MessageStatus>, ApiError> {
    Ok(messages::find_status(&app.db().await?, sender, id).await?)
}

/// What an execution answers that finds the message stored by one which broke off, perhaps before it told the worker.
async fn accepted_before(app: &AppState, sender: UserId, stored: MessageStatus) -> Result<Receipt, ApiError> {
    let usage = usage_today(app, &app.db().await?, sender).await?;
    let MessageStatus { message, chatroom_id, .. } = stored;
    let (queue_status, ()) =
        tokio::join!(jobs::enqueue(app, chatroom_id, message.id, 0), chatroom_list::invalidate(app, sender));
    Ok(Receipt { id: message.id, created_at: message.created_at, queue_status, usage })
}
