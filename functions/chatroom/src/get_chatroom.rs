//! Shows a chatroom with a page of its messages.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::ChatroomId;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::chatrooms;
use web::{ApiError, Caller, Id, ValidQuery, page, success};

use crate::views::{BranchMessageView, ChatroomDetailsView};

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MessagePageQuery {
    #[serde(default = "page::default_limit")]
    #[param(minimum = 1, maximum = 100, default = 50)]
    #[garde(range(min = 1, max = 100))]
    limit: i64,
    /// `next_cursor` of the next newer page.
    #[serde(default, deserialize_with = "page::deserialize_number")]
    #[param(value_type = Option<String>, pattern = "^[1-9][0-9]{0,17}$")]
    #[garde(skip)]
    before: Option<i64>,
}

/// A chatroom and a page of its messages.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ChatroomWithMessages {
    chatroom: ChatroomDetailsView,
    /// The messages on the active branch.
    messages: Vec<BranchMessageView>,
    next_cursor: Option<String>,
}

/// Shows a chatroom and a page of its messages, oldest first.
///
/// Without `before` this is the newest page.
#[utoipa::path(
    get, path = "/api/chatroom/{id}",
    security(("token" = [])),
    params(("id" = ChatroomId, Path, description = "The chatroom."), MessagePageQuery),
    responses(
        (status = 200, description = "The chatroom and the page.", body = ChatroomWithMessages),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Id(id): Id<ChatroomId>,
    ValidQuery(query): ValidQuery<MessagePageQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let found =
        chatrooms::find_with_messages(&app.db().await?, caller.user_id, id, query.before, query.limit + 1)
            .await?;
    let (chatroom, mut messages) = found.ok_or_else(|| ApiError::not_found("chatroom"))?;
    let has_more = page::cut(&mut messages, query.limit);
    let next_cursor = messages.last().filter(|_| has_more).map(|oldest| oldest.message.position.to_string());
    let messages = messages.into_iter().rev().map(Into::into).collect();
    Ok(success(ChatroomWithMessages { chatroom: chatroom.into(), messages, next_cursor }))
}
