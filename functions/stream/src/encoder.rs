//! The two formats of a stream.

use domain::GenerationId;
use services::answer_stream::AnswerEvent;
use web::ApiError;

use crate::event_data;
use crate::ui_messages::encoder::UiMessageEncoder;

/// Asks the client to connect again after this many milliseconds.
const RECONNECT: &str = "retry: 500\n\n";

/// Writes the events of a stream.
pub(crate) enum Encoder {
    /// Named events with ids, by which a client resumes.
    Events,
    /// A UI message stream of the AI SDK.
    UiMessages(Box<UiMessageEncoder>),
}

impl Encoder {
    /// Writes events of `generation`.
    pub(crate) fn events(&mut self, events: Vec<AnswerEvent>, generation: GenerationId) -> String {
        match self {
            Self::Events => events.into_iter().map(event_data::encode).collect(),
            Self::UiMessages(encoder) => encoder.events(events, generation),
        }
    }

    /// Writes the error that ends the stream.
    pub(crate) fn error(&mut self, error: &ApiError) -> String {
        match self {
            Self::Events => event_data::error(error),
            Self::UiMessages(encoder) => encoder.error(error),
        }
    }

    /// Writes what ends a stream that the client must resume.
    pub(crate) fn interruption(&mut self) -> String {
        match self {
            Self::Events => RECONNECT.to_owned(),
            Self::UiMessages(encoder) => encoder.interruption(),
        }
    }

    /// Whether the stream can go on with `generation`.
    pub(crate) fn can_write(&self, generation: GenerationId) -> bool {
        match self {
            Self::Events => true,
            Self::UiMessages(encoder) => encoder.can_write(generation),
        }
    }

    /// Whether the format has no way to go on.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self, Self::UiMessages(encoder) if encoder.has_ended())
    }
}
