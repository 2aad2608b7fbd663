//! Views: chatrooms and messages in responses.

use chrono::{DateTime, Utc};
use domain::message::{MessageType, ProcessingStatus};
use domain::{ChatroomId, MessageId};
use serde::Serialize;
use store::chatrooms::Chatroom;
use store::messages::Message;

/// A chatroom.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ChatroomView {
    id: ChatroomId,
    name: String,
    description: Option<String>,
    created_at: DateTime<Utc>,
    message_count: i64,
    last_message_at: Option<DateTime<Utc>>,
}

impl From<Chatroom> for ChatroomView {
    fn from(chatroom: Chatroom) -> Self {
        Self {
            id: chatroom.id,
            name: chatroom.name,
            description: chatroom.description,
            created_at: chatroom.created_at,
            message_count: chatroom.message_count,
            last_message_at: chatroom.last_message_at,
        }
    }
}

/// A message.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct MessageView {
    pub(crate) id: MessageId,
    pub(crate) content: String,
    pub(crate) message_type: MessageType,
    pub(crate) processing_status: ProcessingStatus,
    pub(crate) created_at: DateTime<Utc>,
}

impl From<Message> for MessageView {
    fn from(message: Message) -> Self {
        Self {
            id: message.id,
            content: message.content,
            message_type: message.message_type,
            processing_status: message.processing_status,
            created_at: message.created_at,
        }
    }
}
