//! The body of a response that follows an answer: the events, a comment every 15 seconds as a sign of
//! life, and an end before Lambda ends the function.
//!
//! At each sign of life the caller's session and account, the message and its chatroom are checked
//! again: a stream ends with the right to read it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use app::AppState;
use app::trace::{self, SpanKind, SpanRecord};
use axum::body::Body;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::unfold;
use services::answer_stream::AnswerStream;
use store::messages::MessageStatus;
use tokio::time::Instant;
use tracing::{Instrument, Span, info, info_span, warn};
use web::Credentials;

use crate::encoder::Encoder;
use crate::reader::Reader;

/// How long before Lambda's deadline the stream ends.
const DEADLINE_MARGIN: Duration = Duration::from_secs(5);
/// How often in a row the caller may not be checkable, because a dependency does not respond.
const MAX_UNCHECKED: u32 = 1;
const HEARTBEAT: &str = ": still here\n\n";

/// The intervals of a stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// The interval of the signs of life.
    pub(crate) heartbeat: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(15) }
    }
}

/// A stream on its way to a client.
struct LiveBody {
    app: Arc<AppState>,
    stream: Box<AnswerStream>,
    credentials: Credentials,
    encoder: Encoder,
    heartbeat: Duration,
    next_heartbeat: Instant,
    deadline: Instant,
    /// How often in a row the caller could not be checked.
    unchecked: u32,
    /// Why the stream has ended.
    ended_by: Option<&'static str>,
    started: Instant,
    started_at: DateTime<Utc>,
    bytes: usize,
}

/// The body with the events of `stream`. It ends shortly before the reader's deadline.
pub(crate) fn live_body(
    app: &Arc<AppState>,
    stream: Box<AnswerStream>,
    reader: Reader,
    encoder: Encoder,
) -> Body {
    let now = Instant::now();
    let body = LiveBody {
        app: app.clone(),
        stream,
        credentials: reader.credentials,
        encoder,
        heartbeat: reader.timing.heartbeat,
        next_heartbeat: now + reader.timing.heartbeat,
        deadline: reader.deadline.checked_sub(DEADLINE_MARGIN).unwrap_or(now),
        unchecked: 0,
        ended_by: None,
        started: now,
        started_at: app.clock.now(),
        bytes: 0,
    };
    // The request's span has ended when the body is read.
    let span = span_of(body.stream.status());
    Body::from_stream(unfold(body, move |body| body.next().instrument(span.clone())))
}

/// The span of a stream within its request's: with the ids of the message and of the request that asked
/// for the answer, which is another one.
fn span_of(status: &MessageStatus) -> Span {
    let origin = status.origin.as_ref();
    info_span!(
        "stream",
        message.id = %status.message.id,
        generation.id = %status.generation_id,
        answer.trace_id = origin.map(|origin| origin.trace.trace_id()),
        answer.request_id = origin.and_then(|origin| origin.request_id.as_deref()),
    )
}

impl LiveBody {
    /// The next bytes, and the rest of the body.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        while self.ended_by.is_none() {
            let text = self.next_text().await;
            // An event may have no text in the format.
            if !text.is_empty() {
                self.bytes += text.len();
                return Some((Ok(text.into()), self));
            }
        }
        self.stream.leave().await;
        let duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        info!(ended_by = self.ended_by, duration_ms, bytes = self.bytes, "a stream has ended");
        self.trace();
        None
    }

    /// Adds the stream to the trace of the answer.
    fn trace(&self) {
        let status = self.stream.status();
        let Some(origin) = &status.origin else { return };
        let context = trace::child(origin.trace);
        self.app.tracer.record(context, || SpanRecord {
            context,
            parent: Some(origin.trace),
            name: "stream answer".to_owned(),
            kind: SpanKind::Server,
            started_at: self.started_at,
            ended_at: self.app.clock.now(),
            attributes: vec![
                ("message.id", Some(status.message.id.to_string())),
                ("ended_by", self.ended_by.map(str::to_owned)),
            ],
            is_error: false,
        });
    }

    async fn next_text(&mut self) -> String {
        let events = self.stream.next(self.next_heartbeat.min(self.deadline)).await;
        if self.stream.is_over() {
            self.ended_by = Some("its last event");
        }
        let generation = self.stream.status().generation_id;
        if !events.is_empty() || self.stream.is_over() || !self.encoder.can_write(generation) {
            let text = self.encoder.events(events, generation);
            if self.encoder.has_ended() {
                self.ended_by.get_or_insert("an error in its format");
            }
            return text;
        }
        if Instant::now() >= self.deadline {
            self.ended_by = Some("the deadline of the function");
            return self.encoder.interruption();
        }
        self.next_heartbeat = Instant::now() + self.heartbeat;
        match self.credentials.check(&self.app).await {
            Ok(_) => self.unchecked = 0,
            Err(error) if error.is_unavailable() && self.unchecked < MAX_UNCHECKED => {
                warn!("the caller of a stream could not be checked");
                self.unchecked += 1;
            }
            Err(error) => {
                self.ended_by = Some("the end of the right to read it");
                return self.encoder.error(&error);
            }
        }
        self.stream.refresh().await;
        HEARTBEAT.to_owned()
    }
}
