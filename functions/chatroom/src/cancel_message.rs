//! Cancels a message that has no answer yet, or stops the worker that writes it.

use std::sync::Arc;
use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::{MessageId, UserId};
use serde::Serialize;
use store::generations::owner_actions::{self, Cancellation};
use store::messages::Message;
use tracing::warn;
use web::{ApiError, Caller, Id, MessageView, success};

use crate::get_message_status::wrong_state;
use crate::long_poll::poll;

/// How long the response waits for the worker to stop. A worker looks for the request twice a
/// second or more often.
const STOP_WAIT: Duration = Duration::from_millis(1_500);

/// The message after it was cancelled.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct CancelledMessage {
    message: MessageView,
}

/// Cancels a message that has no answer yet, or stops its answer.
///
/// A message that waits is cancelled at once, and its quota unit refunded. An answer that is being
/// written stops, and the text so far is kept as the answer, with the finish reason `cancelled`. It
/// keeps its unit. The response waits for that up to 1.5 seconds; if the status is still `processing`
/// then, it becomes `cancelled` later.
#[utoipa::path(
    post, path = "/api/chatroom/message/{id}/cancel",
    security(("token" = [])),
    params(("id" = MessageId, Path, description = "The message.")),
    responses(
        (status = 200, description = "The message is cancelled, or will be.", body = CancelledMessage),
        (status = 409, description = "`wrong_state`: The message is already in a final state."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Id(id): Id<MessageId>,
) -> Result<impl IntoResponse, ApiError> {
    let db = app.db().await?;
    let Some(cancellation) = owner_actions::cancel(&db, caller.user_id, id, app.clock.now()).await? else {
        let detail = "only a pending or processing message can be cancelled";
        return Err(wrong_state(&db, caller.user_id, id, detail).await);
    };
    drop(db);
    let message = if cancellation.message.processing_status.is_terminal() {
        // No worker tells the streams.
        if let Err(error) = app.redis.notify_streams(caller.user_id, cancellation.generation_id).await {
            warn!(error = chain(&error), "open streams see a cancellation at their next heartbeat");
        }
        cancellation.message
    } else {
        stop_worker(&app, caller.user_id, &cancellation).await?
    };
    Ok(success(CancelledMessage { message: message.into() }))
}

/// Notifies the worker of the request to stop, and waits for it. Returns the message afterwards.
async fn stop_worker(
    app: &AppState,
    owner: UserId,
    cancellation: &Cancellation,
) -> Result<Message, ApiError> {
    let Cancellation { message, generation_id, fence } = cancellation;
    if let Err(error) = app.redis.request_cancellation(*generation_id, *fence).await {
        // The worker finds the request in Postgres.
        warn!(error = chain(&error), "a worker is not notified by Redis of a request to stop");
    }
    Ok(poll(app, owner, message.id, STOP_WAIT).await?.message)
}
