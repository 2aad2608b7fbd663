//! Streams the answer to a message as it is written.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::MessageId;
use services::answer_stream::{Opened, open};
use web::{ApiError, Caller, Id};

use crate::event_data::EventData;
use crate::reader::{Reader, ReaderQuery};

/// Streams the answer to a message as it is written, as server-sent events.
///
/// The texts of the `delta` events since the last `restart` are the answer so far. `done` has the final
/// state, and then the text is exactly that of the reply. Events: `status`, `delta`, `restart` (another
/// attempt has begun, and all text is void), `title` (the chatroom has a new name), `done`, `error` (the
/// stream has ended; ask for the message's status), and `replaced` (a fourth stream of the same user
/// has ended this one). Lines that begin with a colon are signs of life.
///
/// A client that was cut off, or told to reconnect by a `retry` line, sends the id of the last event
/// as `Last-Event-ID` and misses nothing. The id of an answer means its question.
#[utoipa::path(
    get, path = "/api/stream/{id}",
    security(("token" = [])),
    params(
        ("id" = MessageId, Path, description = "The message."),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event, to resume after it.", example = "1-7"),
        ReaderQuery,
    ),
    responses(
        (status = 200, description = "The events.", body = EventData, content_type = "text/event-stream"),
        (status = 204, description = "The client has read the last event already, or was replaced."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    reader: Reader,
    Id(id): Id<MessageId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let last_event_id = headers.get("last-event-id").map(|id| id.to_str().unwrap_or("invalid"));
    match open(&app, caller.user_id, id, reader.after(last_event_id)).await? {
        Opened::NotFound => Err(ApiError::not_found("message")),
        Opened::Nothing => Ok(StatusCode::NO_CONTENT.into_response()),
        Opened::Stream(stream) => Ok(reader.events(&app, stream)),
    }
}
