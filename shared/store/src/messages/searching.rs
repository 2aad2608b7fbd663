//! Finding a message by its words, and reading a whole room.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::message::{ErrorCode, MessageType};
use domain::{ChatroomId, MessageId, UserId};

use crate::StoreError;
use crate::messages::Message;

/// How a search is executed: in three seconds or not at all, for a phrase of common words has every message read that they
/// stand in; and planned for its own words, for what is best for a rare one is not for a common one.
const SETTINGS: &str = "SET LOCAL statement_timeout = 3000; SET LOCAL plan_cache_mode = force_custom_plan";

/// A message that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub id: MessageId,
    /// Its room.
    pub chatroom_id: ChatroomId,
    /// What the room is called.
    pub chatroom_name: String,
    /// Who wrote it.
    pub message_type: MessageType,
    /// The text.
    pub content: String,
    /// When it came.
    pub created_at: DateTime<Utc>,
}

/// The finished messages in `owner`'s rooms with all the words of `query` in them, as
/// [`cleaned`](domain::search::cleaned): at most `limit`, the newest first, all older than `before`.
///
/// # Errors
/// When Postgres does not answer, or takes longer than three seconds.
pub async fn search(
    db: &mut impl GenericClient,
    owner: UserId,
    query: &str,
    before: Option<MessageId>,
    limit: i64,
) -> Result<Vec<Found>, StoreError> {
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
            Ok(Found {
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

/// A message with all that is kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeMessage {
    /// What its owner sees of it.
    pub message: Message,
    /// Why it was given up, where it was.
    pub error_code: Option<ErrorCode>,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// The model that wrote it.
    pub model: Option<String>,
    /// Tokens sent to the model for it.
    pub prompt_tokens: Option<i32>,
    /// Tokens that the model wrote.
    pub response_tokens: Option<i32>,
}

/// The messages of a room of `owner` in their order: at most `limit`, all after the one at `after`.
///
/// # Errors
/// When Postgres does not answer.
pub async fn list_whole(
    db: &impl GenericClient,
    owner: UserId,
    room: ChatroomId,
    after: i64,
    limit: i64,
) -> Result<Vec<WholeMessage>, StoreError> {
    const SQL: &str = "
        SELECT id, content, message_type, processing_status, position, created_at,
            error_code, reply_to, model, prompt_tokens, response_tokens
        FROM messages WHERE chatroom_id = $1 AND user_id = $2 AND position > $3
        ORDER BY position LIMIT $4";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&room.0, &owner.0, &after, &limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(WholeMessage {
                message: Message::read(row, "id", "created_at")?,
                error_code: row
                    .try_get::<_, Option<&str>>("error_code")?
                    .map(TryInto::try_into)
                    .transpose()?,
                reply_to: row.try_get::<_, Option<_>>("reply_to")?.map(MessageId),
                model: row.try_get("model")?,
                prompt_tokens: row.try_get("prompt_tokens")?,
                response_tokens: row.try_get("response_tokens")?,
            })
        })
        .collect()
}
