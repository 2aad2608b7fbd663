//! Changes the settings of a chatroom.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::{ChatroomId, Text};
use garde::Validate;
use serde::{Deserialize, Deserializer, Serialize};
use services::chatroom_list;
use store::chatrooms::{self, ChatroomChanges};
use web::{ApiError, Caller, Id, Valid, success};

use crate::views::ChatroomDetailsView;

/// The settings to change. An absent field stays unchanged. `null` or an empty text removes the
/// description or the system prompt.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct UpdateChatroom {
    #[garde(dive)]
    name: Option<Text<1, 255>>,
    #[serde(default, deserialize_with = "null_is_empty")]
    #[garde(dive)]
    description: Option<Text<0, 1000>>,
    #[serde(default, deserialize_with = "null_is_empty")]
    #[garde(dive)]
    system_prompt: Option<Text<0, 4000>>,
}

/// Distinguishes a field that is `null` from an absent one.
fn null_is_empty<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Some(Option::deserialize(deserializer)?.unwrap_or_default()))
}

/// The chatroom with its new settings.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct UpdatedChatroom {
    message: &'static str,
    chatroom: ChatroomDetailsView,
}

/// Changes the name, description or system prompt of a chatroom.
///
/// A new system prompt applies from the next answer on.
#[utoipa::path(
    patch, path = "/api/chatroom/{id}",
    security(("token" = [])),
    request_body = UpdateChatroom,
    params(("id" = ChatroomId, Path, description = "The chatroom.")),
    responses(
        (status = 200, description = "The chatroom with its new settings.", body = UpdatedChatroom),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Id(id): Id<ChatroomId>,
    Valid(input): Valid<UpdateChatroom>,
) -> Result<impl IntoResponse, ApiError> {
    let changes = ChatroomChanges {
        name: input.name.as_ref().map(Text::trim),
        description: input.description.as_ref().map(Text::trim),
        system_prompt: input.system_prompt.as_ref().map(Text::trim),
    };
    if changes == ChatroomChanges::default() {
        let error = "body: must have at least one of name, description, system_prompt";
        return Err(ApiError::invalid(vec![error.to_owned()]));
    }
    let updated = chatrooms::update(&app.db().await?, caller.user_id, id, changes, app.clock.now()).await?;
    let chatroom = updated.ok_or_else(|| ApiError::not_found("chatroom"))?;
    chatroom_list::invalidate(&app, caller.user_id).await;
    Ok(success(UpdatedChatroom { message: "Chatroom updated", chatroom: chatroom.into() }))
}
