//! Accepts a message of the AI SDK, and streams its answer.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::Response;
use services::answer_stream::{Opened, open};
use web::{ApiError, Caller, Valid, quota_headers};

use crate::chat_request::SendChatMessage;
use crate::reader::{Reader, ReaderQuery};
use crate::submitting::submit;
use crate::ui_messages::Chunk;

/// Accepts a message as `useChat` of the AI SDK sends it, and streams the answer to it.
///
/// The answer is a UI message stream of the npm package `ai`, versions 6 and 7. A chat with an id that
/// is not that of a chatroom of the caller gets a chatroom of its own with its first message. Only the
/// last message is read, and its parts must be texts. It costs one unit of the daily quota.
///
/// The ids of questions are those that the page has made. A repeated request is answered by the same
/// answer and costs nothing; the same question with `regenerate-message` gets another answer, and with
/// another text it is another version of the question. `messageMetadata` of the chunk `start` has the
/// ids of this API. To stop the answer, cancel the message `question_id`; closing the connection does
/// not. A stream that ends before its answer ends with the chunk `error`, whose `errorText` is a
/// problem document; if that has `"resume": true`, resume the stream.
#[utoipa::path(
    post, path = "/api/chat",
    security(("token" = [])),
    params(ReaderQuery),
    request_body = SendChatMessage,
    responses(
        (status = 200, description = "The chunks.", body = Chunk, content_type = "text/event-stream"),
        (status = 404, description = "`not_found`: The account is closed."),
        (status = 409, description = "`wrong_state`: The latest answer to the question is not finished, and the chatroom shows another one."),
        (status = 429, description = "`daily_quota_exhausted`, `rate_limited`: All messages of the day are used, or too many requests."),
        (status = 503, description = "`sending_paused`, `model_paused`, `spend_cap_reached`, `unavailable`: An operator has paused sending or the models, a spending cap of the day is reached, or a dependency does not respond."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    reader: Reader,
    Valid(request): Valid<SendChatMessage>,
) -> Result<Response, ApiError> {
    let submitted = submit(&app, caller.user_id, &request.into_submission()?).await?;
    let opened = open(&app, caller.user_id, submitted.question, reader.after(None)).await?;
    let Opened::Stream(stream) = opened else { return Err(ApiError::not_found("message")) };
    let mut response = reader.ui_messages(&app, stream);
    if let Some(usage) = submitted.usage {
        response.headers_mut().extend(quota_headers(&usage));
    }
    Ok(response)
}
