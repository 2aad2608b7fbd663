//! Views: chatrooms and messages in responses.

use chrono::{DateTime, Utc};
use domain::message::{ErrorCode, FinishReason, MessageType, ProcessingStatus};
use domain::{ChatroomId, MessageId, UserId};
use serde::Serialize;
use store::chatrooms::{Chatroom, ChatroomDetails};
use store::messages::Message;

/// A chatroom.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ChatroomView {
    id: ChatroomId,
    /// The owner.
    user_id: UserId,
    name: String,
    description: Option<String>,
    created_at: DateTime<Utc>,
    /// When its settings were last changed.
    updated_at: DateTime<Utc>,
    message_count: i64,
    last_message_at: Option<DateTime<Utc>>,
}

impl From<Chatroom> for ChatroomView {
    fn from(chatroom: Chatroom) -> Self {
        Self {
            id: chatroom.id,
            user_id: chatroom.user_id,
            name: chatroom.name,
            description: chatroom.description,
            created_at: chatroom.created_at,
            updated_at: chatroom.updated_at,
            message_count: chatroom.message_count,
            last_message_at: chatroom.last_message_at,
        }
    }
}

/// A chatroom with all of its settings.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ChatroomDetailsView {
    #[serde(flatten)]
    chatroom: ChatroomView,
    system_prompt: Option<String>,
}

impl From<ChatroomDetails> for ChatroomDetailsView {
    fn from(details: ChatroomDetails) -> Self {
        Self { chatroom: details.chatroom.into(), system_prompt: details.system_prompt }
    }
}

/// A message.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct MessageView {
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

impl MessageView {
    /// A message of a user that has just been accepted.
    pub(crate) fn pending(id: MessageId, content: &str, created_at: DateTime<Utc>) -> Self {
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
