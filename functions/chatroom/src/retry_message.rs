//! `POST /api/chatroom/message/{id}/retry`.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::message::{MessageType, ProcessingStatus};
use domain::quota::{self, Usage};
use domain::{MessageId, UserId};
use services::jobs::{self, QueueStatus};
use store::messages::owner_actions::{self, RetryOutcome};
use store::messages::{self, Message};
use web::{ApiError, Caller, Execution, Id, Operation, success};

use crate::accepting::{Accepted, Receipt, quota_exhausted, quota_headers, usage_today};
use crate::message_status::wrong_state;

/// Has a message that failed answered again. It costs a unit of quota: its own was given back when it failed.
#[utoipa::path(
    post, path = "/api/chatroom/message/{id}/retry", operation_id = "retry_message", tag = "Chatroom",
    security(("token" = [])),
    params(("id" = MessageId, Path, description = "The message.")),
    responses(
        (status = 200, description = "The message will be answered.", body = Accepted),
        (status = 409, description = "`wrong_state`, `request_in_flight`: It has not failed, or a request with this key is being executed."),
        (status = 429, description = "`daily_quota_exhausted`, `rate_limited`: The messages of the day are used up, or too many requests."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Id(id): Id<MessageId>,
    operation: Operation,
) -> Result<impl IntoResponse, ApiError> {
    let Receipt { queue_status, usage, .. } =
        operation.once(&app, |execution| revive(&app, caller.user_id, id, execution)).await?;
    let stored = messages::find_status(&app.db().await?, caller.user_id, id).await?;
    let stored = stored.ok_or_else(|| ApiError::not_found("message"))?;
    // As it was when it was taken in; a worker may have it by now.
    let message = Message { processing_status: ProcessingStatus::Pending, ..stored.message };
    Ok((quota_headers(&usage), success(Accepted { message: message.into(), queue_status })))
}

async fn revive(
    app: &AppState,
    owner: UserId,
    id: MessageId,
    execution: Execution,
) -> Result<Receipt, ApiError> {
    let (now, limits) = (app.clock.now(), app.config.daily_limits);
    let db = app.db().await?;
    match owner_actions::retry_message(&db, owner, id, quota::day_of(now), now, limits).await? {
        RetryOutcome::Accepted { message, chatroom_id, resend, used, tier } => {
            drop(db);
            let queue_status = jobs::enqueue(app, chatroom_id, id, resend).await;
            let usage = Usage::new(used, limits.of(tier), now);
            Ok(Receipt { id, created_at: message.created_at, queue_status, usage })
        }
        RetryOutcome::QuotaExhausted { used, tier } => {
            Err(quota_exhausted(Usage::new(used, limits.of(tier), now), now))
        }
        RetryOutcome::NotFailed => {
            let stored = messages::find_status(&db, owner, id).await?;
            let Some(stored) = stored.filter(|stored| execution.again && is_being_answered(&stored.message))
            else {
                let detail = "only a message that failed can be answered again";
                return Err(wrong_state(&db, owner, id, detail).await);
            };
            // By an execution that broke off, perhaps before it told the worker: then the sweeper does.
            let usage = usage_today(app, &db, owner).await?;
            let created_at = stored.message.created_at;
            Ok(Receipt { id, created_at, queue_status: QueueStatus::Delayed, usage })
        }
    }
}

fn is_being_answered(message: &Message) -> bool {
    message.message_type == MessageType::User
        && matches!(
            message.processing_status,
            ProcessingStatus::Pending | ProcessingStatus::Processing | ProcessingStatus::Completed
        )
}
