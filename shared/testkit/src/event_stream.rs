//! A response that is a stream of server-sent events, read one event at a time.

use axum::body::{Body, BodyDataStream};
use axum::response::Response;
use futures::StreamExt as _;
use lambda_http::http::{HeaderMap, StatusCode};
use serde_json::Value;

/// The most comments in a stream of a test.
const MAX_COMMENTS: usize = 300;

/// A server-sent event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSentEvent {
    /// The name; `message` if it has none.
    pub event: String,
    /// The data, which is JSON, or the text `[DONE]`.
    pub data: Value,
    /// The id, if it has one.
    pub id: Option<String>,
}

/// A response that is a stream of events.
pub struct EventStream {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The comments so far.
    pub comments: usize,
    /// The milliseconds of the last `retry` line.
    pub retry: Option<u64>,
    body: BodyDataStream,
    buffer: String,
}

impl EventStream {
    pub(crate) fn new(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let (status, headers, body) = (head.status, head.headers, body.into_data_stream());
        Self { status, headers, comments: 0, retry: None, body, buffer: String::new() }
    }

    /// The next event. `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<ServerSentEvent> {
        loop {
            while let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                if let Some(event) = self.parse(&block) {
                    return Some(event);
                }
            }
            let bytes = self.body.next().await?.expect("the body is readable");
            self.buffer.push_str(str::from_utf8(&bytes).expect("each chunk is UTF-8"));
        }
    }

    /// The next event, which must have this name.
    pub async fn expect(&mut self, event: &str) -> ServerSentEvent {
        let next = self.next().await.unwrap_or_else(|| panic!("the stream has ended before {event}"));
        assert_eq!(next.event, event, "{next:?}");
        next
    }

    /// Reads on until a comment has arrived since the call.
    pub async fn comment(&mut self) {
        let before = self.comments;
        while self.comments == before {
            let bytes = self.body.next().await.expect("the stream goes on").expect("the body is readable");
            self.buffer.push_str(str::from_utf8(&bytes).expect("each chunk is UTF-8"));
            assert!(self.buffer.starts_with(':'), "an event before a comment: {}", self.buffer);
            let (block, rest) = self.buffer.split_once("\n\n").expect("a whole comment");
            let (block, rest) = (block.to_owned(), rest.to_owned());
            self.buffer = rest;
            assert_eq!(self.parse(&block), None);
        }
    }

    /// All events until the end of the stream.
    pub async fn rest(&mut self) -> Vec<ServerSentEvent> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    fn parse(&mut self, block: &str) -> Option<ServerSentEvent> {
        let (mut event, mut data, mut id) = (None, None, None);
        for line in block.lines() {
            match line.split_once(": ").unwrap_or((line, "")) {
                ("event", value) => event = Some(value.to_owned()),
                ("data", "[DONE]") => data = Some("[DONE]".into()),
                ("data", value) => data = Some(serde_json::from_str(value).expect("the data is JSON")),
                ("id", value) => id = Some(value.to_owned()),
                ("retry", value) => self.retry = Some(value.parse().expect("a number of milliseconds")),
                ("", _) => {
                    self.comments += 1;
                    // A stream that must end would go on for ever.
                    assert!(self.comments < MAX_COMMENTS, "the stream goes on without an event");
                }
                _ => panic!("an unknown line: {line}"),
            }
        }
        Some(ServerSentEvent { event: event.unwrap_or_else(|| "message".to_owned()), data: data?, id })
    }
}
