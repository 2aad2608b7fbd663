//! `GET /api/chatroom/search`.

use app::App;
use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::message::MessageType;
use domain::{ChatroomId, MessageId, Text};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::messages::searching::{self, Found};
use web::{ApiError, Caller, ValidQuery, page, success};

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Search {
    /// Words that are all to be there, phrases in quotes, `OR` between alternatives, a minus before what is not to be there.
    #[serde(default)]
    #[param(inline, required = true)]
    #[garde(dive)]
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

impl From<Found> for ResultView {
    fn from(found: Found) -> Self {
        Self {
            message_id: found.id,
            message_type: found.message_type,
            snippet: found.snippet,
            created_at: found.created_at,
            chatroom_id: found.chatroom_id,
            chatroom_name: found.chatroom_name,
        }
    }
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
    State(app): State<App>,
    caller: Caller,
    ValidQuery(query): ValidQuery<Search>,
) -> Result<impl IntoResponse, ApiError> {
    let db = app.db().await?;
    let mut found =
        searching::search(&db, caller.user_id, query.q.trimmed(), query.cursor, query.limit + 1).await?;
    let more = page::cut(&mut found, query.limit);
    let next_cursor = found.last().filter(|_| more).map(|last| last.id);
    Ok(success(Results { results: found.into_iter().map(Into::into).collect(), next_cursor }))
}
