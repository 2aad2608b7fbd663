//! Lists the caller's chatrooms.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::{ChatroomCursor, ChatroomSort, UserId};
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
    /// `next_cursor` of the previous page, which was read with the same `sort`.
    #[garde(custom(is_of_order(self.sort)))]
    #[param(
        value_type = Option<String>,
        pattern = "^(activity-[0-9]{1,18}-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
    )]
    cursor: Option<ChatroomCursor>,
    /// The order: `created`, the default, or `activity`.
    #[serde(default = "default_sort")]
    #[param(inline, required = false)]
    #[garde(skip)]
    sort: ChatroomSort,
}

fn default_sort() -> ChatroomSort {
    ChatroomSort::Created
}

/// A position in one order is none in the other.
fn is_of_order(sort: ChatroomSort) -> impl FnOnce(&Option<ChatroomCursor>, &()) -> garde::Result {
    move |cursor, ()| match cursor.map(ChatroomCursor::sort) {
        Some(other) if other != sort => Err(garde::Error::new(format!(
            "is that of a page with sort={}, not sort={}",
            other.as_str(),
            sort.as_str()
        ))),
        _ => Ok(()),
    }
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
    next_cursor: Option<String>,
}

/// Lists the caller's chatrooms, newest first or, with `sort=activity`, by their latest message.
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
    // Only the first page of each order with the default limit is cached. Otherwise one user could fill the
    // cache.
    let is_first = query.cursor.is_none() && query.limit == page::default_limit();
    let lookup = if is_first { chatroom_list::find(&app, caller.user_id, query.sort).await } else { None };
    let cached = lookup.as_ref().and_then(|lookup| lookup.page.as_deref());
    if let Some(page) = cached.and_then(|page| serde_json::from_str(page).ok()) {
        return Ok(success(ChatroomList { page, cached: true }));
    }
    let page = read_page(&app, caller.user_id, &query).await?;
    if let Some(lookup) = lookup {
        let text = serde_json::to_string(&page).map_err(ApiError::internal)?;
        chatroom_list::cache(&app, caller.user_id, query.sort, &text, &lookup.version).await;
    }
    Ok(success(ChatroomList { page, cached: false }))
}

async fn read_page(
    app: &AppState,
    owner: UserId,
    query: &ChatroomPageQuery,
) -> Result<ChatroomPage, ApiError> {
    let (db, limit) = (app.db().await?, query.limit + 1);
    let mut chatrooms = match (query.sort, query.cursor) {
        (ChatroomSort::Activity, None) => chatrooms::list_by_activity(&db, owner, None, limit).await?,
        (_, Some(ChatroomCursor::Activity { at, id })) => {
            chatrooms::list_by_activity(&db, owner, Some((at, id)), limit).await?
        }
        (ChatroomSort::Created, None) => chatrooms::list(&db, owner, None, limit).await?,
        (_, Some(ChatroomCursor::Created(id))) => chatrooms::list(&db, owner, Some(id), limit).await?,
    };
    let has_more = page::cut(&mut chatrooms, query.limit);
    let last = chatrooms.last().filter(|_| has_more);
    let next_cursor = last.map(|chatroom| chatroom.cursor(query.sort).to_string());
    let views: Vec<ChatroomView> = chatrooms.into_iter().map(Into::into).collect();
    Ok(ChatroomPage {
        chatrooms: serde_json::value::to_raw_value(&views).map_err(ApiError::internal)?,
        next_cursor,
    })
}
