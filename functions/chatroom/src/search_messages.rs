//! Searches the messages of the caller.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::message::{FinishReason, MessageType};
use domain::search::{self, Cursor, MAX_WORDS, Query};
use domain::{ChatroomId, MessageId, Text};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::messages::search::{SearchResult, list_matching};
use web::{ApiError, Caller, ValidQuery, page, success};

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// Words that must all occur, phrases in quotes, `OR` between alternatives, and a minus before
    /// a word that must not occur. Outside of quotes a word also finds words that begin with it.
    /// Case, accents and punctuation do not matter. In Chinese, Japanese, Korean, Thai and other
    /// scripts without spaces, any part of the text is found.
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
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

/// A page of results.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SearchResults {
    results: Vec<SearchResultView>,
    /// A page with a cursor may have fewer results than `limit`.
    #[schema(value_type = Option<String>)]
    next_cursor: Option<Cursor>,
}

/// A message that contains the words.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SearchResultView {
    message_id: MessageId,
    message_type: MessageType,
    /// The part of the text that contains the words, as it was written.
    snippet: String,
    /// The message that it answers, if it is an answer.
    reply_to: Option<MessageId>,
    /// Why Gemini stopped writing, if it is an answer. Any reason but `stop` means that the answer
    /// is incomplete.
    finish_reason: Option<FinishReason>,
    created_at: DateTime<Utc>,
    chatroom_id: ChatroomId,
    chatroom_name: String,
}

impl SearchResultView {
    fn new(found: SearchResult, query: &Query) -> Self {
        Self {
            message_id: found.id,
            message_type: found.message_type,
            snippet: search::snippet(&found.content, query),
            reply_to: found.reply_to,
            finish_reason: found.finish_reason,
            created_at: found.created_at,
            chatroom_id: found.chatroom_id,
            chatroom_name: found.chatroom_name,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde passes a reference")]
fn has_few_words(query: &Text<1, 200>, (): &()) -> garde::Result {
    if Query::parse(query.as_str()).word_count() > MAX_WORDS {
        return Err(garde::Error::new(format!("must have at most {MAX_WORDS} words")));
    }
    Ok(())
}

/// Searches the caller's messages and their answers.
///
/// Messages with the query's words as whole words come first, then messages where a word is only
/// the beginning of one; each newest first. A message that waits for its answer is not found yet.
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
    let (mut db, parsed) = (app.db().await?, Query::parse(query.q.as_str()));
    let sanitized = search::sanitize_query(query.q.trim());
    let found =
        list_matching(&mut db, caller.user_id, &parsed, &sanitized, query.cursor, query.limit).await?;
    let results = found.results.into_iter().map(|found| SearchResultView::new(found, &parsed)).collect();
    Ok(success(SearchResults { results, next_cursor: found.next }))
}
