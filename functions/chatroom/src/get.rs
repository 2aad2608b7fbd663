//! `GET /api/chatroom/{id}`.

use app::App;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::ChatroomId;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::chatrooms;
use web::{ApiError, Caller, Id, ValidQuery, success};

use crate::views::{ChatroomView, MessageView};

#[derive(Debug, Deserialize, Validate)]
pub(crate) struct Page {
    #[serde(default = "default_limit")]
    #[garde(range(min = 1, max = 100))]
    limit: i64,
    /// `next_cursor` of a newer page.
    #[garde(range(min = 1))]
    before: Option<i64>,
}

fn default_limit() -> i64 {
    50
}

#[derive(Debug, Serialize)]
struct Room {
    chatroom: ChatroomView,
    messages: Vec<MessageView>,
    next_cursor: Option<String>,
}

/// A conversation and a page of its messages, oldest first; the newest page where nothing else is asked for.
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ChatroomId>,
    ValidQuery(page): ValidQuery<Page>,
) -> Result<impl IntoResponse, ApiError> {
    // One more than asked for tells whether there is another page.
    let found =
        chatrooms::find_with_messages(&app.db().await?, caller.user_id, id, page.before, page.limit + 1)
            .await?;
    let (room, mut messages) = found.ok_or_else(|| ApiError::not_found("chatroom"))?;
    let wanted = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = messages.len() > wanted;
    messages.truncate(wanted);
    let next_cursor = messages.last().filter(|_| more).map(|oldest| oldest.position.to_string());
    let messages = messages.into_iter().rev().map(Into::into).collect();
    Ok(success(Room { chatroom: room.into(), messages, next_cursor }))
}
