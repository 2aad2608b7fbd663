//! Shows the processing status of a message, by long polling if the client wants.

use std::sync::Arc;

use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::message::{FinishReason, WaitReason};
use domain::{ChatroomId, MessageId, UserId};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::GenericClient;
use store::messages::{self, MessageStatus};
use tokio::time::{Instant, sleep};
use tracing::warn;
use web::{ApiError, Caller, Id, ValidQuery, success};

use crate::views::MessageView;

/// The interval between two queries: it doubles from the minimum to the maximum.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
const MAX_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WaitQuery {
    /// Seconds to wait for a final status.
    #[serde(default)]
    #[param(minimum = 0, maximum = 25, default = 0)]
    #[garde(range(max = 25))]
    wait: u64,
}

/// The status of a message.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct MessageStatusResponse {
    message: MessageStatusView,
}

/// A message with its chatroom and its reply.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct MessageStatusView {
    #[serde(flatten)]
    message: MessageView,
    chatroom_id: ChatroomId,
    chatroom_name: String,
    /// What it waits for, while it is pending and waits for its next attempt.
    waiting_for: Option<WaitReason>,
    /// When the next attempt is possible, while it waits for one.
    retry_at: Option<DateTime<Utc>>,
    reply: Option<ReplyView>,
}

/// The answer to a message.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ReplyView {
    id: MessageId,
    content: String,
    created_at: DateTime<Utc>,
    /// Why Gemini stopped writing. Any reason but `stop` means that the answer is incomplete.
    finish_reason: Option<FinishReason>,
    /// The model that wrote it.
    model: Option<String>,
}

/// Shows the processing status of a message and its reply.
///
/// With `wait` the response is delayed until the status is final or the time is over. At most three
/// requests of a user wait at once; further ones respond at once.
#[utoipa::path(
    get, path = "/api/chatroom/message/{id}/status",
    security(("token" = [])),
    params(("id" = MessageId, Path, description = "The message."), WaitQuery),
    responses(
        (status = 200, description = "The status of the message.", body = MessageStatusResponse),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Id(id): Id<MessageId>,
    ValidQuery(query): ValidQuery<WaitQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let status = wait_for_final_status(&app, caller.user_id, id, Duration::from_secs(query.wait)).await?;
    let reply = status.reply.map(|reply| ReplyView {
        id: reply.id,
        content: reply.content,
        created_at: reply.created_at,
        finish_reason: reply.finish_reason,
        model: reply.model,
    });
    Ok(success(MessageStatusResponse {
        message: MessageStatusView {
            message: status.message.into(),
            chatroom_id: status.chatroom_id,
            chatroom_name: status.chatroom_name,
            waiting_for: status.waiting_for,
            retry_at: status.retry_at,
            reply,
        },
    }))
}

/// Returns the status once it is final, or after `wait`, or at once while three other requests of the
/// owner wait. Without Redis they are not counted.
async fn wait_for_final_status(
    app: &AppState,
    owner: UserId,
    id: MessageId,
    wait: Duration,
) -> Result<MessageStatus, ApiError> {
    let status = find(app, owner, id).await?;
    if wait.is_zero() || status.message.processing_status.is_terminal() {
        return Ok(status);
    }
    match app.redis.enter_long_poll(owner, wait).await {
        Ok(None) => Ok(status),
        Ok(Some(place)) => {
            let status = poll(app, owner, id, wait).await;
            if let Err(error) = app.redis.leave_long_poll(&place).await {
                warn!(error = chain(&error), "the place of a long poll stays taken until it expires");
            }
            status
        }
        Err(_) => poll(app, owner, id, wait).await,
    }
}

/// Asks for the status until it is final or `wait` is over. Between two queries the connection is
/// back in the pool.
async fn poll(
    app: &AppState,
    owner: UserId,
    id: MessageId,
    wait: Duration,
) -> Result<MessageStatus, ApiError> {
    let deadline = Instant::now() + wait;
    let mut interval = MIN_INTERVAL;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        sleep(interval.min(left)).await;
        let status = find(app, owner, id).await?;
        if status.message.processing_status.is_terminal() || Instant::now() >= deadline {
            return Ok(status);
        }
        interval = (interval * 2).min(MAX_INTERVAL);
    }
}

async fn find(app: &AppState, owner: UserId, id: MessageId) -> Result<MessageStatus, ApiError> {
    let found = messages::find_status(&app.db().await?, owner, id).await?;
    found.ok_or_else(|| ApiError::not_found("message"))
}

/// The error for a message of `owner` whose status does not allow the action: 409 with `detail`, or
/// 404 if there is no such message.
pub(crate) async fn wrong_state(
    db: &impl GenericClient,
    owner: UserId,
    id: MessageId,
    detail: &'static str,
) -> ApiError {
    match messages::find_status(db, owner, id).await {
        Ok(Some(status)) => ApiError::new(StatusCode::CONFLICT, "wrong_state", detail)
            .with("processing_status", status.message.processing_status),
        Ok(None) => ApiError::not_found("message"),
        Err(error) => error.into(),
    }
}
