//! `messages`: the messages of users and the answers of the model.
//!
//! The modules follow the callers: [`sending`], [`owner_actions`], [`search`] and [`export`] serve
//! the owner of a message, [`processing`] the worker, [`sweeping`] the sweeper, and [`admin`] the
//! operator.

pub mod admin;
pub mod export;
pub mod owner_actions;
pub mod processing;
pub mod progress;
pub mod search;
pub mod search_backfill;
pub mod sending;
pub mod sweeping;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::message::{ErrorCode, FinishReason, MessageType, ProcessingStatus, WaitReason};
use domain::{ChatroomId, MessageId, UserId};
use tokio_postgres::Row;

use crate::StoreError;

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

/// The columns of a [`Message`] in a table `m`. Their names differ from those of a chatroom.
pub(crate) const COLUMNS: &str =
    "m.id AS message_id, m.content, m.message_type, m.processing_status, m.position,
    m.created_at AS message_created_at, m.attempts, m.error_code, m.reply_to, m.finish_reason, m.model";

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

fn finish_reason(row: &Row, column: &str) -> Result<Option<FinishReason>, StoreError> {
    Ok(row.try_get::<_, Option<&str>>(column)?.map(TryInto::try_into).transpose()?)
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

/// A message to send to the queue again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resend {
    /// The message.
    pub message_id: MessageId,
    /// Its chatroom.
    pub chatroom_id: ChatroomId,
    /// The number of this resend, from 1. The queue needs it for a new deduplication id.
    pub number: i32,
}

impl TryFrom<&Row> for Resend {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            message_id: MessageId(row.try_get("id")?),
            chatroom_id: ChatroomId(row.try_get("chatroom_id")?),
            number: row.try_get("resends")?,
        })
    }
}

/// A message with the state of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageStatus {
    /// The message.
    pub message: Message,
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
}

/// Finds a message of `owner` with its answer.
pub async fn find_status(
    db: &impl GenericClient,
    owner: UserId,
    message: MessageId,
) -> Result<Option<MessageStatus>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, m.chatroom_id, c.name AS chatroom_name,
            CASE WHEN m.processing_status = 'pending' AND m.lease_until IS NOT NULL THEN m.wait_reason END AS waiting_for,
            CASE WHEN m.processing_status = 'pending' THEN m.lease_until END AS retry_at,
            r.id AS reply_id, r.content AS reply_content, r.created_at AS reply_created_at,
            r.finish_reason AS reply_finish_reason, r.model AS reply_model
        FROM messages m
        JOIN chatrooms c ON c.id = m.chatroom_id
        LEFT JOIN messages r ON r.reply_to = m.id
        WHERE m.id = $1 AND m.user_id = $2"
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
        chatroom_id: ChatroomId(row.try_get("chatroom_id")?),
        chatroom_name: row.try_get("chatroom_name")?,
        waiting_for: row.try_get::<_, Option<&str>>("waiting_for")?.map(TryInto::try_into).transpose()?,
        retry_at: row.try_get("retry_at")?,
        reply,
    }))
}
