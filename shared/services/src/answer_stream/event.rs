//! The events of an answer's stream, and their ids.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use clients::redis::live_text::EntryId;
use domain::message::{ProcessingStatus, WaitReason};
use store::messages::MessageStatus;

/// What a reader of an answer learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerEvent {
    /// The state of the answer has changed. It is not final.
    Status(AnswerStatus),
    /// The next piece of the text.
    Delta {
        /// With this id a reader resumes after the piece.
        id: EventId,
        /// The piece.
        text: String,
    },
    /// All text so far is void. Another attempt begins, or the whole text follows.
    Restart {
        /// With this id a reader resumes without any text.
        id: EventId,
    },
    /// The chatroom has another name than before.
    Title(String),
    /// The final state. The text of the deltas is exactly that of the reply, and empty if there is
    /// none. No event follows.
    Done {
        /// A reader with this id has nothing to resume.
        id: EventId,
        /// The message and its reply.
        status: Box<MessageStatus>,
    },
    /// A newer stream of the same user has taken the place of this one. No event follows.
    Replaced {
        /// A reader with this id must not resume.
        id: EventId,
    },
    /// The stream cannot go on. No event follows; the state of the message tells what became of it.
    Failed(StreamFailure),
}

/// A state that is not final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerStatus {
    /// `pending` or `processing`.
    pub processing_status: ProcessingStatus,
    /// What it waits for, if it waits for its next attempt.
    pub waiting_for: Option<WaitReason>,
    /// When the next attempt is possible, if it waits for one.
    pub retry_at: Option<DateTime<Utc>>,
}

impl From<&MessageStatus> for AnswerStatus {
    fn from(status: &MessageStatus) -> Self {
        let MessageStatus { waiting_for, retry_at, .. } = *status;
        Self { processing_status: status.message.processing_status, waiting_for, retry_at }
    }
}

/// Why a stream ended before its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamFailure {
    /// The message or its chatroom was deleted.
    NotFound,
    /// Postgres does not respond.
    Unavailable,
}

/// The id of an event. Ids of one question grow with its generations and their attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventId {
    /// The reader has the text of the attempt up to this entry: `fence-sequence`. The sequence 0 is
    /// the beginning.
    Entry(EntryId),
    /// The reader has the whole text: `fence-all`.
    Whole(u64),
    /// The reader has the final state: `fence-done`.
    Done(u64),
    /// The reader was replaced: `fence-replaced`.
    Replaced(u64),
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(id) => write!(f, "{id}"),
            Self::Whole(fence) => write!(f, "{fence}-all"),
            Self::Done(fence) => write!(f, "{fence}-done"),
            Self::Replaced(fence) => write!(f, "{fence}-replaced"),
        }
    }
}

/// A text is no id of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of an event")]
pub struct InvalidEventId;

impl FromStr for EventId {
    type Err = InvalidEventId;

    fn from_str(text: &str) -> Result<Self, InvalidEventId> {
        let (fence, place) = text.split_once('-').ok_or(InvalidEventId)?;
        let variant = match place {
            "all" => Self::Whole,
            "done" => Self::Done,
            "replaced" => Self::Replaced,
            _ => return text.parse().map(Self::Entry).map_err(|_| InvalidEventId),
        };
        // `parse` also accepts a plus sign.
        let is_number = fence.bytes().all(|byte| byte.is_ascii_digit());
        fence.parse().ok().filter(|_| is_number).map(variant).ok_or(InvalidEventId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_a_round_trip_and_others_are_refused() {
        for text in ["3-14", "3-0", "3-all", "0-done", "3-replaced"] {
            assert_eq!(text.parse::<EventId>().unwrap().to_string(), text);
        }
        for text in ["", "3", "-all", "+3-all", "3-", "3-ALL", "3-all-all", "a-done", "replaced", "3-1-4"] {
            assert_eq!(text.parse::<EventId>(), Err(InvalidEventId), "{text:?}");
        }
    }
}
