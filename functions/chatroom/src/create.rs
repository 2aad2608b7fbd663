//! `POST /api/chatroom`.

use app::App;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::{ChatroomId, Text};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::chatrooms::{self, NewChatroom};
use web::{ApiError, Caller, Valid, success};

#[derive(Debug, Default, Deserialize, Validate)]
#[serde(default)]
pub(crate) struct CreateChatroom {
    #[garde(dive)]
    name: Text<1, 255>,
    #[garde(dive)]
    description: Option<Text<0, 1000>>,
    #[garde(dive)]
    system_prompt: Option<Text<0, 4000>>,
}

#[derive(Debug, Serialize)]
struct Created {
    message: &'static str,
    chatroom: NewChatroomView,
}

#[derive(Debug, Serialize)]
struct NewChatroomView {
    id: ChatroomId,
    name: String,
    description: Option<String>,
    created_at: DateTime<Utc>,
}

/// Opens a conversation.
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    Valid(input): Valid<CreateChatroom>,
) -> Result<impl IntoResponse, ApiError> {
    let now = app.clock.now();
    let room = NewChatroom {
        id: ChatroomId::new(now),
        name: input.name.trimmed(),
        description: said(input.description.as_ref()),
        system_prompt: said(input.system_prompt.as_ref()),
        created_at: now,
    };
    let created = chatrooms::insert(&app.db().await?, caller.user_id, room).await?;
    let room = created.ok_or_else(|| ApiError::not_found("account"))?;
    app.drop_chatroom_list(caller.user_id).await;
    let (id, name, description, created_at) = (room.id, room.name, room.description, room.created_at);
    let chatroom = NewChatroomView { id, name, description, created_at };
    Ok((StatusCode::CREATED, success(Created { message: "Chatroom created", chatroom })))
}

/// A text that says something; an empty one is as good as none.
fn said<const MAX: usize>(text: Option<&Text<0, MAX>>) -> Option<&str> {
    text.map(Text::trimmed).filter(|text| !text.is_empty())
}
