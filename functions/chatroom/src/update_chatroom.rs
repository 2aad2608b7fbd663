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

use crate::model_choice::{ModelId, chosen_model};
use crate::views::ChatroomDetailsView;

/// The settings to change. An absent field stays unchanged. `null` or an empty text removes the
/// description or the system prompt, and restores the default model of the plan.
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
    /// The id of the model that answers.
    #[serde(default, deserialize_with = "null_is_empty")]
    #[garde(dive)]
    model: Option<ModelId>,
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

/// Changes the name, description, system prompt or model of a chatroom.
///
/// After a new name, the chatroom gets no title, even if a title is being written.
/// A new system prompt or model applies from the next answer on. Where the plan includes the model no
/// more, the default of the plan answers.
#[utoipa::path(
    patch, path = "/api/chatroom/{id}",
    security(("token" = [])),
    request_body = UpdateChatroom,
    params(("id" = ChatroomId, Path, description = "The chatroom.")),
    responses(
        (status = 200, description = "The chatroom with its new settings.", body = UpdatedChatroom),
        (status = 403, description = "`model_not_in_plan`, `account_suspended`: The plan does not include the model, or an operator has suspended the account."),
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
        model: input.model.as_ref().map(Text::trim),
    };
    if changes == ChatroomChanges::default() {
        let error = "body: must have at least one of name, description, system_prompt, model";
        return Err(ApiError::invalid(vec![error.to_owned()]));
    }
    chosen_model(&app, caller.user_id, input.model.as_ref()).await?;
    let updated = chatrooms::update(&app.db().await?, caller.user_id, id, changes, app.clock.now()).await?;
    let chatroom = updated.ok_or_else(|| ApiError::not_found("chatroom"))?;
    chatroom_list::invalidate(&app, caller.user_id).await;
    Ok(success(UpdatedChatroom { message: "Chatroom updated", chatroom: chatroom.into() }))
}
