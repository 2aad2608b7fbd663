//! Retries a failed message of the caller.

use std::sync::Arc;

use app::AppState;
use app::metrics::MetricEvent;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::message::{MessageType, ProcessingStatus};
use domain::quota::{self, Usage};
use domain::{MessageId, UserId};
use services::answer_requests::{
    MessageReceipt, check_paused, quota_exhausted, spend_cap_reached, usage_today,
};
use services::jobs::{self, QueueStatus};
use store::GenericClient;
use store::generations::backfill::add_generation;
use store::generations::owner_actions::{self, RetryOutcome};
use store::messages::{self, Message};
use tracing::info;
use web::{ApiError, Caller, Execution, Id, MessageView, Operation, quota_headers, success};

use crate::accepted_message::AcceptedMessage;
use crate::get_message_status::wrong_state;

/// Retries a failed message.
///
/// It costs a quota unit.
#[utoipa::path(
    post, path = "/api/chatroom/message/{id}/retry",
    security(("token" = [])),
    params(("id" = MessageId, Path, description = "The message.")),
    responses(
        (status = 200, description = "The message will be answered.", body = AcceptedMessage),
        (status = 409, description = "`wrong_state`, `request_in_flight`: The message has not failed, or another request with this key is in progress."),
        (status = 429, description = "`daily_quota_exhausted`, `rate_limited`: All messages of the day are used, or too many requests."),
        (status = 503, description = "`sending_paused`, `model_paused`, `spend_cap_reached`, `unavailable`: An operator has paused sending or the models, a spending cap of the day is reached, or a dependency does not respond."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Id(id): Id<MessageId>,
    operation: Operation,
) -> Result<impl IntoResponse, ApiError> {
    let MessageReceipt { queue_status, usage, .. } =
        operation.once(&app, |execution| retry(&app, caller.user_id, id, execution)).await?;
    let stored = messages::find_status(&app.db().await?, caller.user_id, id).await?;
    let stored = stored.ok_or_else(|| ApiError::not_found("message"))?;
    // The state of the moment when it was accepted. A worker may have claimed it since.
    let message = MessageView::pending(id, &stored.message.content, stored.message.created_at);
    Ok((quota_headers(&usage), success(AcceptedMessage { message, queue_status })))
}

async fn retry(
    app: &AppState,
    owner: UserId,
    id: MessageId,
    execution: Execution,
) -> Result<MessageReceipt, ApiError> {
    let db = app.db().await?;
    if let Err(paused) = check_paused(app, None).await {
        return retried_before(app, &db, owner, id, execution).await?.ok_or_else(|| paused.into());
    }
    let (now, limits) = (app.clock.now(), app.config.daily_limits);
    let day = quota::day_of(now);
    let origin = app::trace::current();
    let mut outcome = owner_actions::retry(&db, owner, id, day, now, limits, origin.as_ref()).await?;
    // A message that failed before generations existed.
    if outcome == RetryOutcome::NotFailed && add_generation(&db, owner, id).await? {
        outcome = owner_actions::retry(&db, owner, id, day, now, limits, origin.as_ref()).await?;
    }
    match outcome {
        RetryOutcome::Accepted { message, chatroom_id, generation_id, resend, used, tier } => {
            drop(db);
            app.metrics.emit(&MetricEvent::MessageAccepted { message: id });
            let queue_status = jobs::enqueue(app, chatroom_id, generation_id, resend, origin.as_ref()).await;
            info!(message.id = %id, generation.id = %generation_id, ?queue_status, "accepted again");
            let usage = Usage::new(used, limits.of(tier), now);
            Ok(MessageReceipt { id, created_at: message.created_at, queue_status, usage })
        }
        RetryOutcome::QuotaExhausted { used, tier } => {
            Err(quota_exhausted(app, Usage::new(used, limits.of(tier), now), now).into())
        }
        RetryOutcome::SpendCapReached(scope) => Err(spend_cap_reached(app, scope, owner, now).into()),
        RetryOutcome::NotFailed => {
            if let Some(receipt) = retried_before(app, &db, owner, id, execution).await? {
                return Ok(receipt);
            }
            let detail = "only a failed message can be retried";
            Err(wrong_state(&db, owner, id, detail).await)
        }
    }
}

/// The receipt of an earlier execution that was interrupted after it had retried the message, perhaps
/// before it reached the queue. In that case the sweeper resends it.
async fn retried_before(
    app: &AppState,
    db: &impl GenericClient,
    owner: UserId,
    id: MessageId,
    execution: Execution,
) -> Result<Option<MessageReceipt>, ApiError> {
    if !execution.is_retry {
        return Ok(None);
    }
    let stored = messages::find_status(db, owner, id).await?;
    let Some(stored) = stored.filter(|stored| is_being_answered(&stored.message)) else { return Ok(None) };
    let usage = usage_today(app, db, owner).await?;
    let created_at = stored.message.created_at;
    Ok(Some(MessageReceipt { id, created_at, queue_status: QueueStatus::Delayed, usage }))
}

fn is_being_answered(message: &Message) -> bool {
    message.message_type == MessageType::User
        && matches!(
            message.processing_status,
            ProcessingStatus::Pending | ProcessingStatus::Processing | ProcessingStatus::Completed
        )
}
