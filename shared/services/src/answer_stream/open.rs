//! Opens a stream: from the beginning, or where a reader was cut off.

use std::sync::Arc;

use app::AppState;
use app::metrics::MetricEvent;
use domain::{MessageId, UserId};
use store::StoreError;

use super::event::EventId;
use super::follower::Follower;
use super::stream::{AnswerStream, find_status};

/// The result of opening a stream.
pub enum Opened {
    /// The owner has no such message.
    NotFound,
    /// The reader has everything, or was replaced: there is nothing to stream.
    Nothing,
    /// The stream.
    Stream(Box<AnswerStream>),
}

/// Who reads an answer, by what the client says.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnswerReader<'a> {
    /// A name that the client has given to the reader, or `None`. A stream ends the earlier stream of
    /// the same reader.
    pub name: Option<&'a str>,
    /// The last event that it has read, or `None`.
    pub last_event_id: Option<&'a str>,
}

/// Opens a stream of the answer to `message` of `owner`, after the last event that `reader` has read.
/// The id of an answer means its question.
///
/// The stream follows the generation that the message shows: the newest one, unless the owner has
/// switched to another.
///
/// # Errors
/// Postgres does not respond.
pub async fn open(
    app: &Arc<AppState>,
    owner: UserId,
    message: MessageId,
    reader: AnswerReader<'_>,
) -> Result<Opened, StoreError> {
    let Some(status) = find_status(app, owner, message).await? else { return Ok(Opened::NotFound) };
    let resumed = reader.last_event_id.filter(|id| !id.is_empty()).map(str::parse::<EventId>);
    let is_final = status.message.processing_status.is_terminal();
    match resumed {
        Some(Ok(EventId::Replaced(_))) => return Ok(Opened::Nothing),
        Some(Ok(EventId::Done(fence))) if is_final && fence == status.fence => return Ok(Opened::Nothing),
        _ => {}
    }
    let follower = match resumed {
        None => Follower::new(None),
        Some(Ok(id)) if fence_of(id) <= status.fence => Follower::new(Some(id)),
        // An id that this question has never had.
        Some(_) => Follower::distrusted(),
    };
    app.metrics.emit(if resumed.is_some() {
        &MetricEvent::StreamResumed
    } else {
        &MetricEvent::StreamOpened
    });
    let mut stream = Box::new(AnswerStream::new(app, owner, reader.name, status, follower));
    if is_final {
        stream.finish();
    } else {
        stream.show_status();
    }
    Ok(Opened::Stream(stream))
}

fn fence_of(id: EventId) -> u64 {
    match id {
        EventId::Entry(id) => id.fence,
        EventId::Whole(fence) | EventId::Done(fence) | EventId::Replaced(fence) => fence,
    }
}
