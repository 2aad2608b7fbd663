//! Shows the processing status of a message, by long polling if the client wants.

use std::sync::Arc;
use std::time::Duration;

use app::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::message::WaitReason;
use domain::{ChatroomId, MessageId, UserId};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::GenericClient;
use store::messages;
use web::{ApiError, Caller, Id, MessageView, ReplyView, ValidQuery, success};

use crate::long_poll::wait_for_final_status;

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
    Ok(success(MessageStatusResponse {
        message: MessageStatusView {
            message: status.message.into(),
            chatroom_id: status.chatroom_id,
            chatroom_name: status.chatroom_name,
            waiting_for: status.waiting_for,
            retry_at: status.retry_at,
            reply: status.reply.map(Into::into),
        },
    }))
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
