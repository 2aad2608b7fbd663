//! `GET /api/chatroom/message/{id}/status`.

use std::sync::Arc;

use std::time::Duration;

use app::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::message::ErrorCode;
use domain::{ChatroomId, MessageId, UserId};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::GenericClient;
use store::messages::{self, MessageStatus};
use tokio::time::{Instant, sleep};
use web::{ApiError, Caller, Id, ValidQuery, success};

use crate::views::MessageView;

/// How long to wait before looking again, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wait {
    /// How many seconds to wait for the end.
    #[serde(default)]
    #[param(minimum = 0, maximum = 25, default = 0)]
    #[garde(range(max = 25))]
    wait: u64,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Status {
    message: StatusView,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct StatusView {
    #[serde(flatten)]
    message: MessageView,
    chatroom_id: ChatroomId,
    chatroom_name: String,
    attempts: i32,
    error_code: Option<ErrorCode>,
    reply: Option<ReplyView>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ReplyView {
    id: MessageId,
    content: String,
    created_at: DateTime<Utc>,
}

/// How far the answer to a message is; with `wait`, as soon as it is there or the time is over.
#[utoipa::path(
    get, path = "/api/chatroom/message/{id}/status", operation_id = "message_status", tag = "Chatroom",
    security(("token" = [])),
    params(("id" = MessageId, Path, description = "The message."), Wait),
    responses(
        (status = 200, description = "How far the answer is.", body = Status),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Id(id): Id<MessageId>,
    ValidQuery(query): ValidQuery<Wait>,
) -> Result<impl IntoResponse, ApiError> {
    let status = wait_for_end(&app, caller.user_id, id, Duration::from_secs(query.wait)).await?;
    let reply = status.reply.map(|reply| ReplyView {
        id: reply.id,
        content: reply.content,
        created_at: reply.created_at,
    });
    Ok(success(Status {
        message: StatusView {
            message: status.message.into(),
            chatroom_id: status.chatroom_id,
            chatroom_name: status.chatroom_name,
            attempts: status.attempts,
            error_code: status.error_code,
            reply,
        },
    }))
}

/// The state once it is final, or after `wait`. The connection goes back to the pool between two looks.
async fn wait_for_end(
    app: &AppState,
    owner: UserId,
    id: MessageId,
    wait: Duration,
) -> Result<MessageStatus, ApiError> {
    let deadline = Instant::now() + wait;
    let mut pause = FIRST_PAUSE;
    loop {
        let found = messages::find_status(&app.db().await?, owner, id).await?;
        let status = found.ok_or_else(|| ApiError::not_found("message"))?;
        let left = deadline.saturating_duration_since(Instant::now());
        if status.message.processing_status.is_terminal() || left.is_zero() {
            return Ok(status);
        }
        sleep(pause.min(left)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The answer where `owner`'s message is in no state for what was asked: 409 saying so in `detail`, or 404 where there is
/// no such message.
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
