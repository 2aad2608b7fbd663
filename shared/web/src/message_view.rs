//! Views that more than one function shows: a message, and the answer to it.

use chrono::{DateTime, Utc};
use domain::MessageId;
use domain::message::{ErrorCode, FinishReason, MessageType, ProcessingStatus};
use serde::Serialize;
use store::messages::{Message, Reply};

/// A message.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct MessageView {
    id: MessageId,
    content: String,
    message_type: MessageType,
    processing_status: ProcessingStatus,
    /// Never earlier than that of the previous message of the chatroom.
    created_at: DateTime<Utc>,
    /// The message that it answers, if it is an answer.
    reply_to: Option<MessageId>,
    /// Calls to Gemini for an answer to it.
    attempts: i32,
    /// Why it failed, if it did.
    error_code: Option<ErrorCode>,
    /// Why Gemini stopped writing, if it is an answer. Any reason but `stop` means that the answer
    /// is incomplete.
    finish_reason: Option<FinishReason>,
    /// The model that wrote it, if it is an answer.
    model: Option<String>,
}

/// The answer to a message.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ReplyView {
    id: MessageId,
    content: String,
    created_at: DateTime<Utc>,
    /// Why Gemini stopped writing. Any reason but `stop` means that the answer is incomplete.
    finish_reason: Option<FinishReason>,
    /// The model that wrote it.
    model: Option<String>,
}

impl MessageView {
    /// A message of a user that has just been accepted.
    #[must_use]
    pub fn pending(id: MessageId, content: &str, created_at: DateTime<Utc>) -> Self {
        Self {
            id,
            content: content.to_owned(),
            message_type: MessageType::User,
            processing_status: ProcessingStatus::Pending,
            created_at,
            reply_to: None,
            attempts: 0,
            error_code: None,
            finish_reason: None,
            model: None,
        }
    }
}

impl From<Message> for MessageView {
    fn from(message: Message) -> Self {
        Self {
            id: message.id,
            content: message.content,
            message_type: message.message_type,
            processing_status: message.processing_status,
            created_at: message.created_at,
            reply_to: message.reply_to,
            attempts: message.attempts,
            error_code: message.error_code,
            finish_reason: message.finish_reason,
            model: message.model,
        }
    }
}

impl From<Reply> for ReplyView {
    fn from(reply: Reply) -> Self {
        Self {
            id: reply.id,
            content: reply.content,
            created_at: reply.created_at,
            finish_reason: reply.finish_reason,
            model: reply.model,
        }
    }
}
