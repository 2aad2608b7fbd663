//! Reads complete messages for the account export.

use deadpool_postgres::GenericClient;
use domain::{ChatroomId, MessageId, UserId};

use crate::StoreError;
use crate::feedback::{self, Feedback};
use crate::messages::{COLUMNS, GENERATION, Message, tree};

/// A message with all stored fields that concern its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedMessage {
    /// The message.
    pub message: Message,
    /// The message before it on its branch: of an answer its question, of a question the answer that
    /// it follows, or the question before if that has no answer.
    pub parent_id: Option<MessageId>,
    /// Whether the chatroom shows it.
    pub on_active_branch: bool,
    /// Tokens sent to the model for it, if it is an answer.
    pub prompt_tokens: Option<i32>,
    /// Tokens that the model wrote, if it is an answer.
    pub response_tokens: Option<i32>,
    /// The owner's feedback, if it is an answer that has some.
    pub feedback: Option<Feedback>,
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
        "SELECT {COLUMNS}, m.prompt_tokens, m.response_tokens, m.on_active_branch, {feedback_columns},
            CASE WHEN m.message_type = 'ai' THEN coalesce(m.reply_to, g.question_id) ELSE coalesce(
                (SELECT id FROM ({answer}) AS answer), (SELECT p.id FROM messages p WHERE p.id = parent.id)
            ) END AS parent_id
        FROM messages m
        {GENERATION}
        {feedback}
        CROSS JOIN LATERAL (SELECT {parent} AS id) AS parent
        WHERE m.chatroom_id = $1 AND m.user_id = $2 AND m.position > $3
        ORDER BY m.position LIMIT $4",
        feedback_columns = feedback::COLUMNS,
        feedback = feedback::OF_MESSAGE,
        answer = tree::answer_of("coalesce(m.parent_generation_id, parent.id)"),
        parent = tree::parent_of("m"),
    );
    let statement = db.prepare_cached(&sql).await?;
    let rows = db.query(&statement, &[&chatroom.0, &owner.0, &after, &limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(ExportedMessage {
                message: row.try_into()?,
                parent_id: row.try_get::<_, Option<_>>("parent_id")?.map(MessageId),
                on_active_branch: row.try_get("on_active_branch")?,
                prompt_tokens: row.try_get("prompt_tokens")?,
                response_tokens: row.try_get("response_tokens")?,
                feedback: Feedback::of_row(row)?,
            })
        })
        .collect()
}
