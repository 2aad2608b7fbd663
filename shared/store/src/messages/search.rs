//! Full-text search in the messages of a user.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::message::MessageType;
use domain::{ChatroomId, MessageId, UserId};

use crate::StoreError;

/// The settings for a search. The timeout of three seconds is for phrases of common words, which
/// make Postgres read every message that contains them. The custom plan is for the words of this
/// search, because the best plan for a rare word is not the best one for a common word.
const SETTINGS: &str = "SET LOCAL statement_timeout = 3000; SET LOCAL plan_cache_mode = force_custom_plan";

/// A message that matches the search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchResult {
    /// The id.
    pub id: MessageId,
    /// The chatroom.
    pub chatroom_id: ChatroomId,
    /// The name of the chatroom.
    pub chatroom_name: String,
    /// The author.
    pub message_type: MessageType,
    /// The text.
    pub content: String,
    /// When the message was stored.
    pub created_at: DateTime<Utc>,
}

/// Lists the finished messages of `owner` that match `query`, newest first: at most `limit`, all
/// older than `before`. The query must be [sanitised](domain::search::sanitize_query). Unfinished
/// messages are not in the index.
///
/// # Errors
/// [`StoreError::Unavailable`] if the search takes longer than three seconds.
pub async fn list_matching(
    db: &mut impl GenericClient,
    owner: UserId,
    query: &str,
    before: Option<MessageId>,
    limit: i64,
) -> Result<Vec<SearchResult>, StoreError> {
    const SQL: &str = "
        WITH page AS (
            SELECT id, chatroom_id, message_type, content, created_at FROM messages
            WHERE user_id = $1 AND sweep_at IS NULL
                AND to_tsvector('simple'::regconfig, content) @@ websearch_to_tsquery('simple'::regconfig, $2)
                AND ($3::uuid IS NULL OR id < $3)
            ORDER BY id DESC LIMIT $4
        )
        SELECT page.*, (SELECT name FROM chatrooms WHERE id = page.chatroom_id) AS chatroom_name
        FROM page ORDER BY id DESC";
    let transaction = db.transaction().await?;
    transaction.batch_execute(SETTINGS).await?;
    let statement = transaction.prepare_cached(SQL).await?;
    let rows = transaction.query(&statement, &[&owner.0, &query, &before.map(|id| id.0), &limit]).await?;
    transaction.commit().await?;
    rows.iter()
        .map(|row| {
            Ok(SearchResult {
                id: MessageId(row.try_get("id")?),
                chatroom_id: ChatroomId(row.try_get("chatroom_id")?),
                chatroom_name: row.try_get("chatroom_name")?,
                message_type: row.try_get::<_, &str>("message_type")?.try_into()?,
                content: row.try_get("content")?,
                created_at: row.try_get("created_at")?,
            })
        })
        .collect()
}
