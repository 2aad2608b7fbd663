//! [`Reader`]: what a stream needs of its request, and the responses with a stream.

use std::sync::Arc;

use app::AppState;
use axum::Extension;
use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use serde::Deserialize;
use services::answer_stream::{AnswerReader, AnswerStream};
use tokio::time::Instant;
use web::{ApiError, ClientInfo, Credentials, Deadline, ValidQuery};

use crate::encoder::Encoder;
use crate::live_body::{Timing, live_body};
use crate::ui_messages::chunk::AnswerIds;
use crate::ui_messages::encoder::UiMessageEncoder;

/// The version of the protocol of UI message streams, by which tools recognise it.
const PROTOCOL: (HeaderName, &str) = (HeaderName::from_static("x-vercel-ai-ui-message-stream"), "v1");
/// Proxies that buffer would hold the events back.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// The name of a reader.
#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReaderQuery {
    /// A name for this reader, such as a random id: 1 to 64 letters, digits, `-` and `_`. A new
    /// connection takes the place of the earlier one with the same name, so that a reader that was cut
    /// off never ends another one.
    #[param(pattern = "^[A-Za-z0-9_-]{1,64}$", example = "tab-4f1c")]
    #[garde(inner(custom(is_name)))]
    reader: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde calls it with a reference to the context")]
fn is_name(text: &str, (): &()) -> garde::Result {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=64).contains(&text.len()) && text.bytes().all(is_valid) {
        Ok(())
    } else {
        Err(garde::Error::new("must be 1 to 64 letters, digits, - and _"))
    }
}

/// Who reads a stream, and for how long.
pub(crate) struct Reader {
    pub(crate) credentials: Credentials,
    /// When Lambda stops the function.
    pub(crate) deadline: Instant,
    pub(crate) timing: Timing,
    request_id: String,
    name: Option<String>,
}

impl Reader {
    /// This reader, who has read the events up to `last_event_id`.
    pub(crate) fn after<'a>(&'a self, last_event_id: Option<&'a str>) -> AnswerReader<'a> {
        AnswerReader { name: self.name.as_deref(), last_event_id }
    }

    /// The response with the named events of `stream`, by whose ids a client resumes.
    pub(crate) fn events(self, app: &Arc<AppState>, stream: Box<AnswerStream>) -> Response {
        self.response(app, stream, Encoder::Events)
    }

    /// The response with `stream` as a UI message stream of the AI SDK.
    pub(crate) fn ui_messages(self, app: &Arc<AppState>, stream: Box<AnswerStream>) -> Response {
        let status = stream.status();
        let ids = AnswerIds {
            chatroom_id: status.chatroom_id,
            question_id: status.message.id,
            generation_id: status.generation_id,
        };
        let encoder = Box::new(UiMessageEncoder::new(ids, self.request_id.clone()));
        ([PROTOCOL], self.response(app, stream, Encoder::UiMessages(encoder))).into_response()
    }

    fn response(self, app: &Arc<AppState>, stream: Box<AnswerStream>, encoder: Encoder) -> Response {
        let body = live_body(app, stream, self, encoder);
        ([(CONTENT_TYPE, "text/event-stream"), UNBUFFERED], body).into_response()
    }
}

impl FromRequestParts<Arc<AppState>> for Reader {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<AppState>) -> Result<Self, Response> {
        let timing = Extension::<Arc<Timing>>::from_request_parts(parts, app).await;
        let Extension(timing) = timing.map_err(IntoResponse::into_response)?;
        let query = ValidQuery::<ReaderQuery>::from_request_parts(parts, app).await;
        let ValidQuery(ReaderQuery { reader: name }) = query.map_err(ApiError::into_response)?;
        let Ok(credentials) = Credentials::from_request_parts(parts, app).await;
        let Ok(Deadline(deadline)) = Deadline::from_request_parts(parts, app).await;
        let Ok(client) = ClientInfo::from_request_parts(parts, app).await;
        let request_id = client.response_id().to_owned();
        Ok(Self { credentials, deadline, timing: *timing, request_id, name })
    }
}
