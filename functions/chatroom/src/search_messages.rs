//! Searches the messages of the caller.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::message::MessageType;
use domain::search::{self, MAX_WORDS};
use domain::{ChatroomId, MessageId, Text};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::messages::search::{SearchResult, list_matching};
use web::{ApiError, Caller, ValidQuery, page, success};

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// Words that must all occur, phrases in quotes, `OR` between alternatives, and a minus before
    /// a word that must not occur.
    #[serde(default)]
    #[param(inline, required = true)]
    #[garde(dive, custom(has_few_words))]
    q: Text<1, 200>,
    #[serde(default = "page::default_limit")]
    #[param(minimum = 1, maximum = 100, default = 50)]
    #[garde(range(min = 1, max = 100))]
    limit: i64,
    /// `next_cursor` of the previous page.
    #[garde(skip)]
    cursor: Option<MessageId>,
}

/// A page of results.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SearchResults {
    results: Vec<SearchResultView>,
    next_cursor: Option<MessageId>,
}

/// A message that contains the words.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SearchResultView {
    message_id: MessageId,
    message_type: MessageType,
    /// The part of the text that contains the words, as it was written.
    snippet: String,
    created_at: DateTime<Utc>,
    chatroom_id: ChatroomId,
    chatroom_name: String,
}

impl SearchResultView {
    fn new(found: SearchResult, query: &str) -> Self {
        Self {
            message_id: found.id,
            message_type: found.message_type,
            snippet: search::snippet(&found.content, query),
            created_at: found.created_at,
            chatroom_id: found.chatroom_id,
            chatroom_name: found.chatroom_name,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde passes a reference")]
fn has_few_words(query: &Text<1, 200>, (): &()) -> garde::Result {
    if search::words(query.as_str()).count() > MAX_WORDS {
        return Err(garde::Error::new(format!("must have at most {MAX_WORDS} words")));
    }
    Ok(())
}

/// Searches the caller's messages and their answers by words, newest first.
///
/// A message without an answer is not found yet.
#[utoipa::path(
    get, path = "/api/chatroom/search",
    security(("token" = [])),
    params(SearchQuery),
    responses(
        (status = 200, description = "A page of results.", body = SearchResults),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    ValidQuery(query): ValidQuery<SearchQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let (mut db, wanted) = (app.db().await?, search::sanitize_query(query.q.trim()));
    let mut found = list_matching(&mut db, caller.user_id, &wanted, query.cursor, query.limit + 1).await?;
    let has_more = page::cut(&mut found, query.limit);
    let next_cursor = found.last().filter(|_| has_more).map(|last| last.id);
    let results = found.into_iter().map(|found| SearchResultView::new(found, &wanted)).collect();
    Ok(success(SearchResults { results, next_cursor }))
}
