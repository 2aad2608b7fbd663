//! `GET /api/chatroom/search`.

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
pub(crate) struct Search {
    /// Words that are all to be there, phrases in quotes, `OR` between alternatives, a minus before what is not to be there.
    #[serde(default)]
    #[param(inline, required = true)]
    #[garde(dive, custom(few_words))]
    q: Text<1, 200>,
    #[serde(default = "page::default_limit")]
    #[param(minimum = 1, maximum = 100, default = 50)]
    #[garde(range(min = 1, max = 100))]
    limit: i64,
    /// `next_cursor` of the page before.
    #[garde(skip)]
    cursor: Option<MessageId>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Results {
    results: Vec<ResultView>,
    next_cursor: Option<MessageId>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ResultView {
    message_id: MessageId,
    message_type: MessageType,
    /// The part of the text that the words stand in, as it was written.
    snippet: String,
    created_at: DateTime<Utc>,
    chatroom_id: ChatroomId,
    chatroom_name: String,
}

impl ResultView {
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde calls it so")]
fn few_words(query: &Text<1, 200>, (): &()) -> garde::Result {
    if search::words(query.as_str()).count() > MAX_WORDS {
        return Err(garde::Error::new(format!("must have at most {MAX_WORDS} words")));
    }
    Ok(())
}

/// Finds the caller's messages, and the answers to them, by the words in them; the newest first. Those that are not answered
/// yet are not found yet.
#[utoipa::path(
    get, path = "/api/chatroom/search", operation_id = "search_messages", tag = "Chatroom",
    security(("token" = [])),
    params(Search),
    responses(
        (status = 200, description = "A page.", body = Results),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    ValidQuery(query): ValidQuery<Search>,
) -> Result<impl IntoResponse, ApiError> {
    let (mut db, wanted) = (app.db().await?, search::sanitize_query(query.q.trim()));
    let mut found = list_matching(&mut db, caller.user_id, &wanted, query.cursor, query.limit + 1).await?;
    let more = page::cut(&mut found, query.limit);
    let next_cursor = found.last().filter(|_| more).map(|last| last.id);
    let results = found.into_iter().map(|found| ResultView::new(found, &wanted)).collect();
    Ok(success(Results { results, next_cursor }))
}
