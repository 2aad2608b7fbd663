//! Lists the caller's chatrooms.

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
pub(crate) struct ChatroomPageQuery {
    #[serde(default = "page::default_limit")]
    #[param(minimum = 1, maximum = 100, default = 50)]
    #[garde(range(min = 1, max = 100))]
    limit: i64,
    /// `next_cursor` of the previous page.
    #[garde(skip)]
    cursor: Option<ChatroomId>,
}

/// A page of chatrooms.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ChatroomList {
    #[serde(flatten)]
    page: ChatroomPage,
    /// Whether the page comes from the cache.
    cached: bool,
}

/// The cached part of the response. The chatrooms stay JSON text, so that a cached page is sent
/// without parsing them.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(description = "Chatrooms, and the cursor of the next page.")]
struct ChatroomPage {
    #[schema(value_type = Vec<ChatroomView>)]
    chatrooms: Box<RawValue>,
    next_cursor: Option<ChatroomId>,
}

/// Lists the caller's chatrooms, newest first.
///
/// Send `next_cursor` as `cursor` to get the next page.
#[utoipa::path(
    get, path = "/api/chatroom",
    security(("token" = [])),
    params(ChatroomPageQuery),
    responses(
        (status = 200, description = "A page of chatrooms.", body = ChatroomList),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    ValidQuery(query): ValidQuery<ChatroomPageQuery>,
) -> Result<impl IntoResponse, ApiError> {
    // Only the first page with the default limit is cached. Otherwise one user could fill the
    // cache.
    let is_first = query.cursor.is_none() && query.limit == page::default_limit();
    let lookup = if is_first { chatroom_list::find(&app, caller.user_id).await } else { None };
    let cached = lookup.as_ref().and_then(|lookup| lookup.page.as_deref());
    if let Some(page) = cached.and_then(|page| serde_json::from_str(page).ok()) {
        return Ok(success(ChatroomList { page, cached: true }));
    }
    let page = read_page(&app, caller.user_id, &query).await?;
    if let Some(lookup) = lookup {
        let text = serde_json::to_string(&page).map_err(ApiError::internal)?;
        chatroom_list::cache(&app, caller.user_id, &text, &lookup.version).await;
    }
    Ok(success(ChatroomList { page, cached: false }))
}

async fn read_page(
    app: &AppState,
    owner: UserId,
    query: &ChatroomPageQuery,
) -> Result<ChatroomPage, ApiError> {
    let mut chatrooms = chatrooms::list(&app.db().await?, owner, query.cursor, query.limit + 1).await?;
    let has_more = page::cut(&mut chatrooms, query.limit);
    let next_cursor = chatrooms.last().filter(|_| has_more).map(|chatroom| chatroom.id);
    let views: Vec<ChatroomView> = chatrooms.into_iter().map(Into::into).collect();
    Ok(ChatroomPage {
        chatrooms: serde_json::value::to_raw_value(&views).map_err(ApiError::internal)?,
        next_cursor,
    })
}
