//! `POST /api/chatroom`.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::{ChatroomId, Text, UserId};
use garde::Validate;
use serde::{Deserialize, Serialize};
use services::chatroom_list;
use store::chatrooms::{self, NewChatroom};
use web::{ApiError, Caller, Execution, Operation, Valid, success};

#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct CreateChatroom {
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    name: Text<1, 255>,
    #[garde(dive)]
    description: Option<Text<0, 1000>>,
    #[garde(dive)]
    system_prompt: Option<Text<0, 4000>>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Created {
    message: &'static str,
    chatroom: NewChatroomView,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct NewChatroomView {
    id: ChatroomId,
    name: String,
    description: Option<String>,
    created_at: DateTime<Utc>,
}

/// What was done: all of the answer but the text.
#[derive(Debug, Serialize, Deserialize)]
struct Receipt {
    id: ChatroomId,
    created_at: DateTime<Utc>,
}

/// Opens a conversation.
#[utoipa::path(
    post, path = "/api/chatroom", operation_id = "create_chatroom", tag = "Chatroom",
    security(("token" = [])),
    request_body = CreateChatroom,
    responses(
        (status = 201, description = "The conversation is open.", body = Created),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    operation: Operation,
    Valid(input): Valid<CreateChatroom>,
) -> Result<impl IntoResponse, ApiError> {
    let opened = operation.once(&app, |execution| open(&app, caller.user_id, &input, execution)).await?;
    let chatroom = NewChatroomView {
        id: opened.id,
        name: input.name.trim().to_owned(),
        description: said(input.description.as_ref()).map(str::to_owned),
        created_at: opened.created_at,
    };
    Ok((StatusCode::CREATED, success(Created { message: "Chatroom created", chatroom })))
}

async fn open(
    app: &AppState,
    owner: UserId,
    input: &CreateChatroom,
    execution: Execution,
) -> Result<Receipt, ApiError> {
    let (now, id) = (app.clock.now(), ChatroomId(execution.id));
    let room = NewChatroom {
        id,
        name: input.name.trim(),
        description: said(input.description.as_ref()),
        system_prompt: said(input.system_prompt.as_ref()),
        created_at: now,
    };
    let db = app.db().await?;
    let inserted = chatrooms::insert(&db, owner, room).await;
    // An execution that broke off has opened it.
    let room = match inserted {
        Err(error) if error.violates("chatrooms_pkey") => chatrooms::find(&db, owner, id).await?,
        // An account that is being deleted.
        Err(error) if error.violates("chatrooms_user_id_fkey") => None,
        inserted => inserted?,
    };
    let room = room.ok_or_else(|| ApiError::not_found("account"))?;
    drop(db);
    chatroom_list::invalidate(app, owner).await;
    Ok(Receipt { id: room.id, created_at: room.created_at })
}

/// A text that says something; an empty one is as good as none.
fn said<const MAX: usize>(text: Option<&Text<0, MAX>>) -> Option<&str> {
    text.map(Text::trim).filter(|text| !text.is_empty())
}
