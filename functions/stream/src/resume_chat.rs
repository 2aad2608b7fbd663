//! Streams the answer that is being written in a chat, from its beginning.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use services::answer_stream::{Opened, open};
use store::chatrooms::client_ids;
use web::{ApiError, Caller, Id};

use crate::client_id::ClientId;
use crate::reader::{Reader, ReaderQuery};
use crate::ui_messages::Chunk;

/// Streams the answer that is being written in a chat, as `useChat` of the AI SDK resumes it.
///
/// The stream has all text so far of the current attempt, under the id of the first stream.
#[utoipa::path(
    get, path = "/api/chat/{id}/stream",
    security(("token" = [])),
    params(
        ("id" = ClientId, Path, description = "The id of the chat: that of a chatroom, or an id that the page has made."),
        ReaderQuery,
    ),
    responses(
        (status = 200, description = "The chunks.", body = Chunk, content_type = "text/event-stream"),
        (status = 204, description = "Nothing is being written, or the caller has no such chat."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    reader: Reader,
    Id(chat): Id<ClientId>,
) -> Result<Response, ApiError> {
    let nothing = || StatusCode::NO_CONTENT.into_response();
    let found = client_ids::find_unanswered(&app.db().await?, caller.user_id, chat.as_str()).await?;
    let Some(question) = found else { return Ok(nothing()) };
    let Opened::Stream(stream) = open(&app, caller.user_id, question, reader.after(None)).await? else {
        return Ok(nothing());
    };
    Ok(reader.ui_messages(&app, stream))
}
