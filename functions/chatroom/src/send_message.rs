//! `POST /api/chatroom/{id}/message`.

use app::App;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::message::{MessageType, ProcessingStatus};
use domain::quota::{self, Usage};
use domain::{ChatroomId, MessageId, Text};
use garde::Validate;
use serde::Deserialize;
use store::messages::sending::{self, NewMessage, Sent};
use web::{ApiError, Caller, Id, Valid, success};

use crate::accepting::{Accepted, enqueue, quota_exhausted, quota_headers};
use crate::views::MessageView;

#[derive(Debug, Default, Deserialize, Validate)]
#[serde(default)]
pub(crate) struct SendMessage {
    #[garde(dive)]
    content: Text<1, 10_000>,
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
        Sent::QuotaExhausted { used, tier } => {
            return Err(quota_exhausted(Usage::new(used, limits.of(tier), now), now));
        }
        Sent::NoSuchRoom => return Err(ApiError::not_found("chatroom")),
    };
    let (queue_status, ()) =
        tokio::join!(enqueue(&app, chatroom_id, id, 0), app.drop_chatroom_list(caller.user_id));
    let message = MessageView {
        id,
        content: content.to_owned(),
        message_type: MessageType::User,
        processing_status: ProcessingStatus::Pending,
        created_at: now,
    };
    Ok((StatusCode::CREATED, quota_headers(&usage), success(Accepted { message, queue_status })))
}
