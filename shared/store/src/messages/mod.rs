//! `messages`: the messages of users and the answers of the model.
//!
//! Messages form a tree. A question follows a generation of the question before it
//! (`parent_generation_id`), and an answer belongs to a generation of its question. A chatroom shows
//! one branch, the messages with `on_active_branch`, in the order of their positions.
//!
//! Questions from before the tree have no `parent_generation_id`: they follow the previous question
//! of their chatroom. Answers from before it have `reply_to` only. The state of an answer is in
//! [`generations`](crate::generations).

pub mod branches;
pub mod deletion;
pub mod export;
pub mod regenerating;
pub mod search;
pub mod search_backfill;
pub mod sending;
pub(crate) mod tree;
pub mod versions;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::message::{ErrorCode, FinishReason, MessageType, ProcessingStatus, WaitReason};
use domain::{ChatroomId, GenerationId, MessageId, RequestOrigin, UserId};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::StoreError;
use crate::feedback::Feedback;
use crate::generations::origin;

/// A message as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id.
    pub id: MessageId,
    /// The text.
    pub content: String,
    /// The author.
    pub message_type: MessageType,
    /// The state of its answer. An answer itself is always completed.
    pub processing_status: ProcessingStatus,
    /// Its position in the chatroom, from 1.
    pub position: i64,
    /// When it was stored. Never earlier than the previous message of the chatroom.
    pub created_at: DateTime<Utc>,
    /// The number of attempts to answer it. 0 for an answer.
    pub attempts: i32,
    /// Why it failed, if it did.
    pub error_code: Option<ErrorCode>,
    /// The message that it answers, if it is an answer.
    pub reply_to: Option<MessageId>,
    /// Why the model stopped writing. `None` unless it is an answer, and for old answers.
    pub finish_reason: Option<FinishReason>,
    /// The model that wrote it, if it is an answer.
    pub model: Option<String>,
}

/// The columns of a [`Message`] in a table `m` with its [generation](GENERATION) `g`. Their names
/// differ from those of a chatroom.
pub(crate) const COLUMNS: &str =
    "m.id AS message_id, m.content, m.message_type, m.position, m.created_at AS message_created_at,
    CASE WHEN m.message_type = 'ai' OR g.id IS NULL THEN m.processing_status ELSE g.status END AS processing_status,
    CASE WHEN m.message_type = 'ai' OR g.id IS NULL THEN m.attempts ELSE g.attempts END AS attempts,
    CASE WHEN m.message_type = 'ai' OR g.id IS NULL THEN m.error_code ELSE g.error_code END AS error_code,
    CASE WHEN m.message_type = 'ai' THEN coalesce(m.reply_to, g.question_id) END AS reply_to,
    m.finish_reason, m.model";

/// Joins the generation `g` of the message `m`: of a question the one that its chatroom shows, of an
/// answer its own.
pub(crate) const GENERATION: &str = "LEFT JOIN generations g
    ON g.id = CASE WHEN m.message_type = 'user' THEN coalesce(m.active_generation_id, m.id) ELSE m.generation_id END";

impl TryFrom<&Row> for Message {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: MessageId(row.try_get("message_id")?),
            content: row.try_get("content")?,
            message_type: row.try_get::<_, &str>("message_type")?.try_into()?,
            processing_status: row.try_get::<_, &str>("processing_status")?.try_into()?,
            position: row.try_get("position")?,
            created_at: row.try_get("message_created_at")?,
            attempts: row.try_get("attempts")?,
            error_code: row.try_get::<_, Option<&str>>("error_code")?.map(TryInto::try_into).transpose()?,
            reply_to: row.try_get::<_, Option<_>>("reply_to")?.map(MessageId),
            finish_reason: finish_reason(row, "finish_reason")?,
            model: row.try_get("model")?,
        })
    }
}

/// A message on the active branch, with its alternatives and its owner's feedback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchMessage {
    /// The message.
    pub message: Message,
    /// The ids of the message and its siblings, in their order. Empty if it has none.
    pub siblings: Vec<MessageId>,
    /// The ids of all answers to it, oldest first, if another answer was requested.
    pub answers: Vec<MessageId>,
    /// The feedback, if it is an answer that has some.
    pub feedback: Option<Feedback>,
}

impl TryFrom<&Row> for BranchMessage {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        let ids = |column| {
            let ids: Option<Vec<Uuid>> = row.try_get(column)?;
            Ok::<_, StoreError>(ids.unwrap_or_default().into_iter().map(MessageId).collect::<Vec<_>>())
        };
        let siblings = ids("siblings")?;
        Ok(Self {
            message: row.try_into()?,
            siblings: if siblings.len() > 1 { siblings } else { Vec::new() },
            answers: ids("answers")?,
            feedback: Feedback::of_row(row)?,
        })
    }
}

fn finish_reason(row: &Row, column: &str) -> Result<Option<FinishReason>, StoreError> {
    Ok(row.try_get::<_, Option<&str>>(column)?.map(TryInto::try_into).transpose()?)
}

/// Finds a message of `owner`.
pub async fn find(
    db: &impl GenericClient,
    owner: UserId,
    message: MessageId,
) -> Result<Option<Message>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM messages m {GENERATION} WHERE m.id = $1 AND m.user_id = $2");
    let statement = db.prepare_cached(&sql).await?;
    db.query_opt(&statement, &[&message.0, &owner.0]).await?.as_ref().map(TryInto::try_into).transpose()
}

/// The answer to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The id.
    pub id: MessageId,
    /// The text.
    pub content: String,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// Why the model stopped writing. `None` for old answers.
    pub finish_reason: Option<FinishReason>,
    /// The model that wrote it.
    pub model: Option<String>,
}

/// A message with the state of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageStatus {
    /// The message.
    pub message: Message,
    /// The generation whose state it shows.
    pub generation_id: GenerationId,
    /// The fence of the generation's latest claim. 0 if no worker has claimed it.
    pub fence: u64,
    /// Its chatroom.
    pub chatroom_id: ChatroomId,
    /// The name of the chatroom.
    pub chatroom_name: String,
    /// What it waits for, if it is pending and waits for its next attempt.
    pub waiting_for: Option<WaitReason>,
    /// When the next attempt is possible, if it waits for one.
    pub retry_at: Option<DateTime<Utc>>,
    /// The answer, if there is one.
    pub reply: Option<Reply>,
    /// The request that asked for the answer, unless an earlier release has accepted that.
    pub origin: Option<RequestOrigin>,
}

/// Finds a message of `owner` with the generation that its chatroom shows, and with its answer.
pub async fn find_status(
    db: &impl GenericClient,
    owner: UserId,
    message: MessageId,
) -> Result<Option<MessageStatus>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, m.chatroom_id, coalesce(g.id, m.id) AS generation_id, coalesce(g.fence, 0) AS fence,
            c.name AS chatroom_name, g.traceparent, g.request_id,
            CASE WHEN g.status = 'pending' AND g.lease_until IS NOT NULL THEN g.wait_reason END AS waiting_for,
            CASE WHEN g.status = 'pending' THEN g.lease_until END AS retry_at,
            r.id AS reply_id, r.content AS reply_content, r.created_at AS reply_created_at,
            r.finish_reason AS reply_finish_reason, r.model AS reply_model
        FROM messages m
        {GENERATION}
        JOIN chatrooms c ON c.id = m.chatroom_id
        LEFT JOIN LATERAL ({answer}) r ON m.message_type = 'user'
        WHERE m.id = $1 AND m.user_id = $2",
        answer = tree::answer_of("coalesce(g.id, m.id)")
    );
    let statement = db.prepare_cached(&sql).await?;
    let Some(row) = db.query_opt(&statement, &[&message.0, &owner.0]).await? else { return Ok(None) };
    let reply = match row.try_get::<_, Option<_>>("reply_id")? {
        Some(id) => Some(Reply {
            id: MessageId(id),
            content: row.try_get("reply_content")?,
            created_at: row.try_get("reply_created_at")?,
            finish_reason: finish_reason(&row, "reply_finish_reason")?,
            model: row.try_get("reply_model")?,
        }),
        None => None,
    };
    Ok(Some(MessageStatus {
        message: (&row).try_into()?,
        generation_id: GenerationId(row.try_get("generation_id")?),
        fence: row.try_get::<_, i64>("fence")?.unsigned_abs(),
        chatroom_id: ChatroomId(row.try_get("chatroom_id")?),
        chatroom_name: row.try_get("chatroom_name")?,
        waiting_for: row.try_get::<_, Option<&str>>("waiting_for")?.map(TryInto::try_into).transpose()?,
        retry_at: row.try_get("retry_at")?,
        reply,
        origin: origin::read(&row)?,
    }))
}
