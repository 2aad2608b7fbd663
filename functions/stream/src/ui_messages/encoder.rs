//! Writes the events of an answer as chunks. No I/O.
//!
//! The stream of version 6 cannot take text back. A stream that would have to ends with an error: the
//! client resumes, and gets the text from the beginning under the same id.

use axum::http::StatusCode;
use domain::GenerationId;
use domain::message::{ErrorCode, ProcessingStatus};
use services::answer_stream::{AnswerEvent, AnswerStatus, StreamFailure};
use store::messages::MessageStatus;
use web::ApiError;

use super::answer_failure::answer_failure;
use super::chunk::{AnswerDetails, AnswerIds, Chunk, StatusData, TitleData};

/// The id of the only text of an answer.
const TEXT: &str = "0";

/// The end of a stream that lacks nothing.
const DONE: &str = "data: [DONE]\n\n";

/// Writes the stream of one answer.
pub(crate) struct UiMessageEncoder {
    ids: AnswerIds,
    request_id: String,
    has_started: bool,
    /// Whether some text was sent.
    has_text: bool,
    has_ended: bool,
}

impl UiMessageEncoder {
    /// The stream of the answer `ids`, for the request `request_id`.
    pub(crate) fn new(ids: AnswerIds, request_id: String) -> Self {
        Self { ids, request_id, has_started: false, has_text: false, has_ended: false }
    }

    /// Whether `generation` is that of the answer.
    pub(crate) fn can_write(&self, generation: GenerationId) -> bool {
        generation == self.ids.generation_id
    }

    /// Whether an error has ended the stream.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Writes events of `generation`.
    pub(crate) fn events(&mut self, events: Vec<AnswerEvent>, generation: GenerationId) -> String {
        let mut text = self.start();
        if !self.can_write(generation) {
            // The owner has requested another answer elsewhere, which has another id.
            return text + &self.interruption();
        }
        for event in events {
            if self.has_ended {
                break;
            }
            text.push_str(&self.event(event));
        }
        text
    }

    /// Writes the error that ends the stream.
    pub(crate) fn error(&mut self, error: &ApiError) -> String {
        self.has_ended = true;
        let error_text = error.document(&self.request_id).to_string();
        self.start() + &Chunk::Error { error_text }.event()
    }

    /// Writes the error that makes the client resume.
    pub(crate) fn interruption(&mut self) -> String {
        let detail = "the stream was interrupted; resume it to read the answer from its beginning";
        let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "stream_interrupted", detail);
        self.error(&error.with("resume", true))
    }

    /// The first chunk, unless it was written.
    fn start(&mut self) -> String {
        if std::mem::replace(&mut self.has_started, true) {
            return String::new();
        }
        // Not the id of the generation itself: the first one has that of its question, and a page must
        // not have two messages with one id.
        let message_id = format!("answer-{}", self.ids.generation_id);
        Chunk::Start { message_id, message_metadata: self.ids }.event()
    }

    fn event(&mut self, event: AnswerEvent) -> String {
        match event {
            AnswerEvent::Status(AnswerStatus { processing_status, waiting_for, retry_at }) => {
                let data = StatusData { processing_status, waiting_for, retry_at };
                Chunk::DataStatus { data, transient: true }.event()
            }
            AnswerEvent::Title(name) => {
                Chunk::DataTitle { data: TitleData { name }, transient: true }.event()
            }
            AnswerEvent::Delta { text, .. } => self.delta(text),
            AnswerEvent::Restart { .. } if self.has_text => self.interruption(),
            AnswerEvent::Restart { .. } => String::new(),
            AnswerEvent::Done { status, .. } => self.done(*status),
            AnswerEvent::Replaced { .. } => {
                let detail = "a newer stream of yours has taken the place of this one";
                self.error(&ApiError::new(StatusCode::CONFLICT, "stream_replaced", detail))
            }
            AnswerEvent::Failed(StreamFailure::NotFound) => self.error(&ApiError::not_found("message")),
            AnswerEvent::Failed(StreamFailure::Unavailable) => {
                let error = ApiError::unavailable("the state of the answer cannot be read");
                self.error(&error.with("resume", true))
            }
        }
    }

    fn delta(&mut self, delta: String) -> String {
        let begin = if std::mem::replace(&mut self.has_text, true) {
            String::new()
        } else {
            Chunk::TextStart { id: TEXT }.event()
        };
        begin + &Chunk::TextDelta { id: TEXT, delta }.event()
    }

    fn done(&mut self, status: MessageStatus) -> String {
        let MessageStatus { message, reply, .. } = status;
        if message.processing_status == ProcessingStatus::Failed {
            return self.error(&answer_failure(message.error_code.unwrap_or(ErrorCode::Internal)));
        }
        let end = if self.has_text { Chunk::TextEnd { id: TEXT }.event() } else { String::new() };
        let is_cancelled = message.processing_status == ProcessingStatus::Cancelled;
        let details = match reply {
            Some(reply) => AnswerDetails {
                answer_id: Some(reply.id),
                finish_reason: reply.finish_reason,
                model: reply.model,
            },
            None => AnswerDetails { answer_id: None, finish_reason: None, model: None },
        };
        let finish_reason =
            if is_cancelled { super::chunk::UiFinishReason::Other } else { details.finish_reason.into() };
        end + &Chunk::Finish { finish_reason, message_metadata: details }.event() + DONE
    }
}
