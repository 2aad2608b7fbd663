//! `messages`: what people wrote and what the model answered.
//!
//! [`sending`] and [`owner_actions`] are the client's side of a message's life, [`answering`] the worker's, [`sweeping`] the
//! sweeper's, [`admin`] the operator's; [`searching`] finds and reads what was written.

pub mod admin;
pub mod answering;
pub mod owner_actions;
pub mod searching;
pub mod sending;
pub mod sweeping;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::message::{ErrorCode, MessageType, ProcessingStatus};
use domain::{ChatroomId, MessageId, UserId};
use tokio_postgres::Row;

use crate::StoreError;

/// A message as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The text.
    pub content: String,
    /// Who wrote it.
    pub message_type: MessageType,
    /// How far its answer is; an answer itself is always completed.
    pub processing_status: ProcessingStatus,
    /// Its place in the room, from 1.
    pub position: i64,
    /// When it came.
    pub created_at: DateTime<Utc>,
}

impl Message {
    /// Reads a message out of a row that also holds a room, whose `id` and `created_at` go by those names.
    pub(crate) fn from_joined(row: &Row) -> Result<Self, StoreError> {
        Self::read(row, "m_id", "m_created_at")
    }

    pub(crate) fn read(row: &Row, id: &str, created_at: &str) -> Result<Self, StoreError> {
        Ok(Self {
            id: MessageId(row.try_get(id)?),
            content: row.try_get("content")?,
            message_type: row.try_get::<_, &str>("message_type")?.try_into()?,
            processing_status: row.try_get::<_, &str>("processing_status")?.try_into()?,
            position: row.try_get("position")?,
            created_at: row.try_get(created_at)?,
        })
    }
}

/// The answer to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its id.
    pub id: MessageId,
    /// The text.
    pub content: String,
    /// When it came.
    pub created_at: DateTime<Utc>,
}

/// A message with all that is known about its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageStatus {
    /// The message.
    pub message: Message,
    /// Its room.
    pub chatroom_id: ChatroomId,
    /// What the room is called.
    pub chatroom_name: String,
    /// How often an answer was tried.
    pub attempts: i32,
    /// Why it was given up, where it was.
    pub error_code: Option<ErrorCode>,
    /// The answer, where there is one.
    pub reply: Option<Reply>,
}

/// The state of `owner`'s message.
///
/// # Errors
/// When Postgres does not answer.
pub async fn find_status(
    db: &impl GenericClient,
    owner: UserId,
    message: MessageId,
) -> Result<Option<MessageStatus>, StoreError> {
    const SQL: &str = "
        SELECT m.id, m.content, m.message_type, m.processing_status, m.position, m.created_at,
            m.chatroom_id, c.name AS chatroom_name, m.attempts, m.error_code,
            r.id AS reply_id, r.content AS reply_content, r.created_at AS reply_created_at
        FROM messages m
        JOIN chatrooms c ON c.id = m.chatroom_id
        LEFT JOIN messages r ON r.reply_to = m.id
        WHERE m.id = $1 AND m.user_id = $2";
    let statement = db.prepare_cached(SQL).await?;
    let Some(row) = db.query_opt(&statement, &[&message.0, &owner.0]).await? else { return Ok(None) };
    let reply = match row.try_get::<_, Option<_>>("reply_id")? {
        Some(id) => Some(Reply {
            id: MessageId(id),
            content: row.try_get("reply_content")?,
            created_at: row.try_get("reply_created_at")?,
        }),
        None => None,
    };
    Ok(Some(MessageStatus {
        message: Message::read(&row, "id", "created_at")?,
        chatroom_id: ChatroomId(row.try_get("chatroom_id")?),
        chatroom_name: row.try_get("chatroom_name")?,
        attempts: row.try_get("attempts")?,
        error_code: row.try_get::<_, Option<&str>>("error_code")?.map(TryInto::try_into).transpose()?,
        reply,
    }))
}
