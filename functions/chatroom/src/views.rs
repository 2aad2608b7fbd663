//! Views: chatrooms, and messages as a chatroom shows them.

use chrono::{DateTime, Utc};
use domain::feedback::Rating;
use domain::{ChatroomId, MessageId, UserId};
use serde::Serialize;
use store::chatrooms::{Chatroom, ChatroomDetails};
use store::feedback::Feedback;
use store::messages::BranchMessage;
use web::MessageView;

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
    /// The model that the owner has chosen. Null: the default of the plan.
    model: Option<String>,
}

impl From<ChatroomDetails> for ChatroomDetailsView {
    fn from(details: ChatroomDetails) -> Self {
        let ChatroomDetails { chatroom, system_prompt, model } = details;
        Self { chatroom: chatroom.into(), system_prompt, model }
    }
}

/// A message that a chatroom shows, with its alternatives.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct BranchMessageView {
    #[serde(flatten)]
    message: MessageView,
    /// The messages at its place, if there are several: other versions of a question, or other answers.
    siblings: Option<SiblingsView>,
    /// All answers to it, oldest first, if another answer was requested.
    answers: Option<Vec<MessageId>>,
    /// The caller's feedback, if it is an answer that has some.
    feedback: Option<FeedbackView>,
}

/// What the caller says about an answer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FeedbackView {
    rating: Rating,
    comment: Option<String>,
    updated_at: DateTime<Utc>,
}

impl From<Feedback> for FeedbackView {
    fn from(Feedback { rating, comment, updated_at }: Feedback) -> Self {
        Self { rating, comment, updated_at }
    }
}

/// The messages at one place.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SiblingsView {
    count: usize,
    /// The place of the shown message among them, from 0.
    index: usize,
    /// All of them, the shown one included.
    ids: Vec<MessageId>,
}

impl From<BranchMessage> for BranchMessageView {
    fn from(BranchMessage { message, siblings: ids, answers, feedback }: BranchMessage) -> Self {
        let index = ids.iter().position(|id| *id == message.id);
        let siblings = index.map(|index| SiblingsView { count: ids.len(), index, ids });
        Self {
            message: message.into(),
            siblings,
            answers: (!answers.is_empty()).then_some(answers),
            feedback: feedback.map(Into::into),
        }
    }
}
