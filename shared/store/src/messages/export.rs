//! Reads complete messages for the account export.

use deadpool_postgres::GenericClient;
use domain::{ChatroomId, UserId};

use crate::StoreError;
use crate::messages::{COLUMNS, Message};

/// A message with all stored fields that concern its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedMessage {
    /// The message.
    pub message: Message,
    /// Tokens sent to the model for it, if it is an answer.
    pub prompt_tokens: Option<i32>,
    /// Tokens that the model wrote, if it is an answer.
    pub response_tokens: Option<i32>,
}

/// Lists the messages of a chatroom of `owner` in their order: at most `limit`, all after the
/// position `after`.
pub async fn list(
    db: &impl GenericClient,
    owner: UserId,
    chatroom: ChatroomId,
    after: i64,
    limit: i64,
) -> Result<Vec<ExportedMessage>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, m.prompt_tokens, m.response_tokens
        FROM messages m WHERE m.chatroom_id = $1 AND m.user_id = $2 AND m.position > $3
        ORDER BY m.position LIMIT $4"
    );
    let statement = db.prepare_cached(&sql).await?;
    let rows = db.query(&statement, &[&chatroom.0, &owner.0, &after, &limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(ExportedMessage {
                message: row.try_into()?,
                prompt_tokens: row.try_get("prompt_tokens")?,
                response_tokens: row.try_get("response_tokens")?,
            })
        })
        .collect()
}
