//! [`Reader`]: what a stream needs of its request, and the responses with a stream.

use std::sync::Arc;

use app::AppState;
use axum::Extension;
use axum::extract::FromRequestParts;
use axum::extract::rejection::ExtensionRejection;
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use services::answer_stream::AnswerStream;
use tokio::time::Instant;
use web::{ClientInfo, Credentials, Deadline};

use crate::encoder::Encoder;
use crate::live_body::{Timing, live_body};
use crate::ui_messages::chunk::AnswerIds;
use crate::ui_messages::encoder::UiMessageEncoder;

/// The version of the protocol of UI message streams, by which tools recognise it.
const PROTOCOL: (HeaderName, &str) = (HeaderName::from_static("x-vercel-ai-ui-message-stream"), "v1");
/// Proxies that buffer would hold the events back.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// Who reads a stream, and for how long.
pub(crate) struct Reader {
    pub(crate) credentials: Credentials,
    /// When Lambda stops the function.
    pub(crate) deadline: Instant,
    pub(crate) timing: Timing,
    request_id: String,
}

impl Reader {
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
    type Rejection = ExtensionRejection;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<AppState>) -> Result<Self, ExtensionRejection> {
        let Extension(timing) = Extension::<Arc<Timing>>::from_request_parts(parts, app).await?;
        let Ok(credentials) = Credentials::from_request_parts(parts, app).await;
        let Ok(Deadline(deadline)) = Deadline::from_request_parts(parts, app).await;
        let Ok(client) = ClientInfo::from_request_parts(parts, app).await;
        Ok(Self { credentials, deadline, timing: *timing, request_id: client.response_id().to_owned() })
    }
}
