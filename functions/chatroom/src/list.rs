//! `GET /api/chatroom`.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::{ChatroomId, UserId};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use services::chatroom_list;
use store::chatrooms;
use web::{ApiError, Caller, ValidQuery, page, success};

use crate::views::ChatroomView;

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    #[serde(default = "page::default_limit")]
    #[param(minimum = 1, maximum = 100, default = 50)]
    #[garde(range(min = 1, max = 100))]
    limit: i64,
    /// The id of the last room of the page before.
    #[garde(skip)]
    cursor: Option<ChatroomId>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct List {
    #[serde(flatten)]
    page: PageView,
    cached: bool,
}

/// The part of the answer that is cached, as JSON, so that a page out of the cache is passed on unread.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct PageView {
    #[schema(value_type = Vec<ChatroomView>)]
    chatrooms: Box<RawValue>,
    next_cursor: Option<ChatroomId>,
}

/// A page of the caller's conversations, the newest first.
#[utoipa::path(
    get, path = "/api/chatroom", operation_id = "list_chatrooms", tag = "Chatroom",
    security(("token" = [])),
    params(Page),
    responses(
        (status = 200, description = "A page.", body = List),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    ValidQuery(query): ValidQuery<Page>,
) -> Result<impl IntoResponse, ApiError> {
    // Only the page that every client asks for first is cached: others would let one person fill the cache.
    let is_first = query.cursor.is_none() && query.limit == page::default_limit();
    let lookup = if is_first { chatroom_list::find(&app, caller.user_id).await } else { None };
    let kept = lookup.as_ref().and_then(|lookup| lookup.page.as_deref());
    if let Some(page) = kept.and_then(|page| serde_json::from_str(page).ok()) {
        return Ok(success(List { page, cached: true }));
    }
    let page = read(&app, caller.user_id, &query).await?;
    if let Some(lookup) = lookup {
        let kept = serde_json::to_string(&page).map_err(ApiError::internal)?;
        chatroom_list::cache(&app, caller.user_id, &kept, &lookup.version).await;
    }
    Ok(success(List { page, cached: false }))
}

async fn read(app: &AppState, owner: UserId, query: &Page) -> Result<PageView, ApiError> {
    let mut rooms = chatrooms::list(&app.db().await?, owner, query.cursor, query.limit + 1).await?;
    let more = page::cut(&mut rooms, query.limit);
    let next_cursor = rooms.last().filter(|_| more).map(|room| room.id);
    let views: Vec<ChatroomView> = rooms.into_iter().map(Into::into).collect();
    Ok(PageView {
        chatrooms: serde_json::value::to_raw_value(&views).map_err(ApiError::internal)?,
        next_cursor,
    })
}
