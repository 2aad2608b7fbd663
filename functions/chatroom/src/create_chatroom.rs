//! Creates a chatroom.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::{ChatroomId, Text, UserId, title};
use garde::Validate;
use serde::{Deserialize, Serialize};
use services::chatroom_list;
use store::chatrooms::{self, NewChatroom};
use web::{ApiError, Caller, Execution, Operation, Valid, success};

use crate::model_choice::{ModelId, chosen_model};

/// The settings of a new chatroom.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct CreateChatroom {
    /// Without one, the chatroom is named by the first words of its first question once that is
    /// answered, and shortly afterwards by a title that the model writes.
    #[garde(dive)]
    name: Option<Text<1, 255>>,
    #[garde(dive)]
    description: Option<Text<0, 1000>>,
    #[garde(dive)]
    system_prompt: Option<Text<0, 4000>>,
    /// The id of the model that answers. Without one, the default of the plan.
    #[garde(dive)]
    model: Option<ModelId>,
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
    /// `New chat` if the request has none.
    name: String,
    description: Option<String>,
    /// The model that the owner has chosen. Null: the default of the plan.
    model: Option<String>,
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
        (status = 403, description = "`model_not_in_plan`, `account_suspended`: The plan does not include the model, or an operator has suspended the account."),
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
        name: input.name.as_ref().map_or(title::PLACEHOLDER, Text::trim).to_owned(),
        description: non_empty(input.description.as_ref()).map(str::to_owned),
        model: non_empty(input.model.as_ref()).map(str::to_owned),
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
    let model = chosen_model(app, owner, input.model.as_ref()).await?;
    let chatroom = NewChatroom {
        id,
        name: input.name.as_ref().map(Text::trim),
        description: non_empty(input.description.as_ref()),
        system_prompt: non_empty(input.system_prompt.as_ref()),
        model,
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
