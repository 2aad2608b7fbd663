//! The events of a stream as server-sent events.

use chrono::{DateTime, Utc};
use domain::message::{ProcessingStatus, WaitReason};
use serde::Serialize;
use services::answer_stream::{AnswerEvent, StreamFailure};
use web::{ApiError, MessageView, ReplyView};

/// The data of an event.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(crate) enum EventData {
    /// Of `status`: the state, which is not final.
    Status {
        processing_status: ProcessingStatus,
        /// What the message waits for, while it waits for its next attempt.
        waiting_for: Option<WaitReason>,
        /// When the next attempt is possible, while it waits for one.
        retry_at: Option<DateTime<Utc>>,
    },
    /// Of `delta`: the next piece of the text.
    Delta { text: String },
    /// Of `title`: the new name of the chatroom.
    Title { name: String },
    /// Of `done`: the final state. The text so far is exactly that of the reply.
    Done { message: MessageView, reply: Option<ReplyView> },
    /// Of `error`: why the stream has ended before the final state.
    Error { code: &'static str, detail: String },
    /// Of `restart` and `replaced`.
    None {},
}

/// `event` in the format `text/event-stream`.
pub(crate) fn encode(event: AnswerEvent) -> String {
    match event {
        AnswerEvent::Status(status) => {
            let data = EventData::Status {
                processing_status: status.processing_status,
                waiting_for: status.waiting_for,
                retry_at: status.retry_at,
            };
            block("status", None, &data)
        }
        AnswerEvent::Delta { id, text } => block("delta", Some(id.to_string()), &EventData::Delta { text }),
        AnswerEvent::Restart { id } => block("restart", Some(id.to_string()), &EventData::None {}),
        AnswerEvent::Title(name) => block("title", None, &EventData::Title { name }),
        AnswerEvent::Done { id, status } => {
            let (message, reply) = (status.message.into(), status.reply.map(Into::into));
            block("done", Some(id.to_string()), &EventData::Done { message, reply })
        }
        AnswerEvent::Replaced { id } => block("replaced", Some(id.to_string()), &EventData::None {}),
        AnswerEvent::Failed(StreamFailure::NotFound) => error(&ApiError::not_found("message")),
        AnswerEvent::Failed(StreamFailure::Unavailable) => {
            error(&ApiError::unavailable("the state of the answer cannot be read"))
        }
    }
}

/// The event for an error that ends the stream.
pub(crate) fn error(error: &ApiError) -> String {
    block("error", None, &EventData::Error { code: error.code(), detail: error.detail().to_owned() })
}

/// One event. JSON has no line breaks, so its data is one line. The id is the last line: a client that
/// reads line by line then has the data when it learns the id.
fn block(event: &str, id: Option<String>, data: &EventData) -> String {
    let data = serde_json::to_string(data).unwrap_or_default();
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("event: {event}\ndata: {data}\n{id}\n")
}
