//! Reads complete messages for the account export.

use deadpool_postgres::GenericClient;
use domain::message::ErrorCode;
use domain::{ChatroomId, MessageId, UserId};

use crate::StoreError;
use crate::messages::Message;

/// A message with all stored fields that concern its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedMessage {
    /// The message.
    pub message: Message,
    /// Why it failed, if it did.
    pub error_code: Option<ErrorCode>,
    /// The message that it answers, if it is an answer.
    pub reply_to: Option<MessageId>,
    /// The model that wrote it, if it is an answer.
    pub model: Option<String>,
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
    const SQL: &str = "
        SELECT id, content, message_type, processing_status, position, created_at,
            error_code, reply_to, model, prompt_tokens, response_tokens
        FROM messages WHERE chatroom_id = $1 AND user_id = $2 AND position > $3
        ORDER BY position LIMIT $4";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&chatroom.0, &owner.0, &after, &limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(ExportedMessage {
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
