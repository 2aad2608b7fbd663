//! Creates a chatroom.

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

/// The settings of a new chatroom.
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

/// The new chatroom.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct CreatedChatroom {
    message: &'static str,
    chatroom: NewChatroomView,
}

/// A new chatroom.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct NewChatroomView {
    id: ChatroomId,
    /// The owner.
    user_id: UserId,
    name: String,
    description: Option<String>,
    created_at: DateTime<Utc>,
    /// When its settings were last changed.
    updated_at: DateTime<Utc>,
}

/// What the idempotent operation stores of the response: everything but the text.
#[derive(Debug, Serialize, Deserialize)]
struct Receipt {
    id: ChatroomId,
    created_at: DateTime<Utc>,
}

/// Creates a chatroom.
///
/// The system prompt applies to all answers in it.
#[utoipa::path(
    post, path = "/api/chatroom",
    security(("token" = [])),
    request_body = CreateChatroom,
    responses(
        (status = 201, description = "The chatroom is created.", body = CreatedChatroom),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    operation: Operation,
    Valid(input): Valid<CreateChatroom>,
) -> Result<impl IntoResponse, ApiError> {
    let receipt = operation.once(&app, |execution| create(&app, caller.user_id, &input, execution)).await?;
    let chatroom = NewChatroomView {
        id: receipt.id,
        user_id: caller.user_id,
        name: input.name.trim().to_owned(),
        description: non_empty(input.description.as_ref()).map(str::to_owned),
        created_at: receipt.created_at,
        updated_at: receipt.created_at,
    };
    Ok((StatusCode::CREATED, success(CreatedChatroom { message: "Chatroom created", chatroom })))
}

async fn create(
    app: &AppState,
    owner: UserId,
    input: &CreateChatroom,
    execution: Execution,
) -> Result<Receipt, ApiError> {
    let (now, id) = (app.clock.now(), ChatroomId(execution.id));
    let chatroom = NewChatroom {
        id,
        name: input.name.trim(),
        description: non_empty(input.description.as_ref()),
        system_prompt: non_empty(input.system_prompt.as_ref()),
        created_at: now,
    };
    let db = app.db().await?;
    let inserted = chatrooms::insert(&db, owner, chatroom).await;
    // An earlier execution that was interrupted has inserted the row.
    let chatroom = match inserted {
        Err(error) if error.violates("chatrooms_pkey") => chatrooms::find(&db, owner, id).await?,
        // The account is being deleted.
        Err(error) if error.violates("chatrooms_user_id_fkey") => None,
        inserted => inserted?,
    };
    let chatroom = chatroom.ok_or_else(|| ApiError::not_found("account"))?;
    drop(db);
    chatroom_list::invalidate(app, owner).await;
    Ok(Receipt { id: chatroom.id, created_at: chatroom.created_at })
}

/// The trimmed text, or `None` if it is empty.
fn non_empty<const MAX: usize>(text: Option<&Text<0, MAX>>) -> Option<&str> {
    text.map(Text::trim).filter(|text| !text.is_empty())
}
