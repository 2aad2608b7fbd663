//! The chunks of the stream.

use chrono::{DateTime, Utc};
use domain::message::{FinishReason, ProcessingStatus, WaitReason};
use domain::{ChatroomId, GenerationId, MessageId};
use serde::Serialize;

/// A chunk, the data of one event. After the last chunk of a complete stream comes `[DONE]`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum Chunk {
    /// The first chunk.
    Start {
        /// The id of the answer, the same whenever it is streamed.
        #[serde(rename = "messageId")]
        message_id: String,
        #[serde(rename = "messageMetadata")]
        message_metadata: AnswerIds,
    },
    /// The state of an answer that has no final one yet.
    DataStatus { data: StatusData, transient: bool },
    /// The new name of the chatroom.
    DataTitle { data: TitleData, transient: bool },
    /// The text begins.
    TextStart { id: &'static str },
    /// The next piece of the text.
    TextDelta { id: &'static str, delta: String },
    /// The text is complete.
    TextEnd { id: &'static str },
    /// The answer is complete, or was stopped.
    Finish {
        #[serde(rename = "finishReason")]
        finish_reason: UiFinishReason,
        #[serde(rename = "messageMetadata")]
        message_metadata: AnswerDetails,
    },
    /// The stream ends before the answer, or there is none.
    Error {
        /// A problem document. With `"resume": true` the client must resume the stream.
        #[serde(rename = "errorText")]
        error_text: String,
    },
}

/// The ids of an answer in this API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the API")]
pub(crate) struct AnswerIds {
    pub(crate) chatroom_id: ChatroomId,
    /// The message that is answered. To stop the answer, cancel this message.
    pub(crate) question_id: MessageId,
    pub(crate) generation_id: GenerationId,
}

/// What is known of a stored answer.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct AnswerDetails {
    /// The id of the answer among the messages of the chatroom. Null if it was stopped before its first
    /// text.
    pub(crate) answer_id: Option<MessageId>,
    /// Why the model stopped writing.
    pub(crate) finish_reason: Option<FinishReason>,
    /// The model that wrote it.
    pub(crate) model: Option<String>,
}

/// The state of an answer that has no final one yet.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct StatusData {
    pub(crate) processing_status: ProcessingStatus,
    /// What it waits for, while it waits for its next attempt.
    pub(crate) waiting_for: Option<WaitReason>,
    /// When the next attempt is possible, while it waits for one.
    pub(crate) retry_at: Option<DateTime<Utc>>,
}

/// The new name of the chatroom.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TitleData {
    pub(crate) name: String,
}

/// Why an answer ended, in the words of the AI SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UiFinishReason {
    /// The answer is complete.
    Stop,
    /// It has reached the maximum number of tokens.
    Length,
    /// A filter of the model ended it.
    ContentFilter,
    /// The user or the time limit ended it.
    Other,
}

impl From<Option<FinishReason>> for UiFinishReason {
    fn from(reason: Option<FinishReason>) -> Self {
        match reason {
            // Old answers have no reason.
            Some(FinishReason::Stop) | None => Self::Stop,
            Some(FinishReason::MaxTokens) => Self::Length,
            Some(FinishReason::Safety | FinishReason::Recitation) => Self::ContentFilter,
            Some(FinishReason::MaxTime | FinishReason::Cancelled | FinishReason::Other) => Self::Other,
        }
    }
}

impl Chunk {
    /// The chunk as an event.
    pub(crate) fn event(&self) -> String {
        format!("data: {}\n\n", serde_json::to_string(self).unwrap_or_default())
    }
}
