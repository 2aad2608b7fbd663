//! [`EventStream`]: a client of `GET /api/stream/{message_id}` that can be slow, cut its connection
//! at any byte, and resume.

mod answer;
mod connection;
mod parser;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use api_client::{Response, TestUser};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

pub use self::answer::StreamedAnswer;
pub use self::connection::Pace;
use self::connection::{Connection, Read};
use self::parser::Parser;
use super::TestEnvironment;

/// The function sends a comment every 15 seconds.
const MAX_SILENCE: Duration = Duration::from_mins(1);

/// What a stream is opened with.
#[derive(Debug, Clone)]
#[must_use]
pub struct StreamRequest {
    base_url: String,
    path: String,
    token: String,
    last_event_id: Option<String>,
    cut_after: usize,
    pace: Option<Pace>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamEvent {
    pub event: String,
    pub data: String,
    /// The id after this event, by which a client resumes.
    pub id: Option<String>,
    /// When its last byte arrived.
    pub at: Instant,
}

impl StreamEvent {
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.data).with_context(|| format!("{} has no JSON: {}", self.event, self.data))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// The server ended the response.
    Complete,
    /// The connection closed before the end of the response.
    Broken,
    /// This client closed the connection.
    Cut,
}

/// An open stream. Dropping it closes its connection.
#[derive(Debug)]
pub struct EventStream {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// `None` once the stream has ended.
    connection: Option<Connection>,
    end: Option<StreamEnd>,
    parser: Parser,
    events: VecDeque<StreamEvent>,
    /// The bytes of the body before this client closes the connection.
    left: usize,
}

impl StreamRequest {
    /// A stream of `message` from the API at `base_url`.
    pub fn new(base_url: &str, user: &TestUser, message: Uuid) -> Self {
        Self {
            base_url: base_url.to_owned(),
            path: format!("/api/stream/{message}"),
            token: user.token.clone(),
            last_event_id: None,
            cut_after: usize::MAX,
            pace: None,
        }
    }

    /// Resumes after the event with this id; `None` starts from the beginning.
    pub fn after(mut self, last_event_id: Option<&str>) -> Self {
        self.last_event_id = last_event_id.map(str::to_owned);
        self
    }

    /// Closes the connection after this many bytes of the body, which may end within an event or a
    /// character.
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.cut_after = bytes;
        self
    }

    /// Reads slowly.
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = Some(pace);
        self
    }

    /// Sends the request and waits for the head of the response, whatever its status.
    pub async fn open(&self) -> Result<EventStream> {
        let mut head = format!(
            "GET {} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\nauthorization: Bearer {}\r\n",
            self.path, self.token
        );
        if let Some(id) = &self.last_event_id {
            let _ = write!(head, "last-event-id: {id}\r\n");
        }
        head.push_str("\r\n");
        let open = Connection::open(&self.base_url, head.as_bytes(), self.pace);
        let (status, headers, connection) =
            timeout(MAX_SILENCE, open).await.context("no response")?.with_context(|| self.path.clone())?;
        Ok(EventStream {
            status,
            headers,
            connection: Some(connection),
            end: None,
            parser: Parser::default(),
            events: VecDeque::new(),
            left: self.cut_after,
        })
    }

    /// Opens the stream, and fails unless its status is 200.
    pub async fn open_live(&self) -> Result<EventStream> {
        let stream = self.open().await?;
        if stream.status != StatusCode::OK {
            anyhow::bail!("{} is not streamed: {}", self.path, stream.into_response().await?);
        }
        Ok(stream)
    }
}

impl EventStream {
    /// The next event, or `None` at the end, whatever ended the stream.
    pub async fn next(&mut self) -> Result<Option<StreamEvent>> {
        while self.events.is_empty() {
            let Some(bytes) = self.read().await? else { return Ok(None) };
            self.parser.read(&bytes, Instant::now(), &mut self.events)?;
        }
        Ok(self.events.pop_front())
    }

    /// Reads the stream to its end.
    pub async fn rest(&mut self) -> Result<Vec<StreamEvent>> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await? {
            events.push(event);
        }
        Ok(events)
    }

    /// How the stream ended.
    pub fn end(&self) -> Option<StreamEnd> {
        self.end
    }

    /// The id to resume with: that of the last complete event.
    pub fn last_event_id(&self) -> Option<&str> {
        self.parser.last_event_id()
    }

    /// The time to wait before reconnecting, if the server has sent one.
    pub fn retry(&self) -> Option<Duration> {
        self.parser.retry()
    }

    /// The number of comments so far, which are the server's heartbeats.
    pub fn comments(&self) -> usize {
        self.parser.comments()
    }

    /// Closes the connection after this many more bytes of the body.
    pub fn cut_after(&mut self, bytes: usize) {
        self.left = bytes;
    }

    /// The whole response, if it is not a stream of events.
    pub async fn into_response(mut self) -> Result<Response> {
        let mut body = Vec::new();
        while let Some(bytes) = self.read().await? {
            body.extend(bytes);
        }
        ensure!(self.end == Some(StreamEnd::Complete), "the response is incomplete");
        Response::new(self.status, self.headers, &body)
    }

    /// The next bytes of the body, or `None` at the end.
    async fn read(&mut self) -> Result<Option<Vec<u8>>> {
        if self.left == 0 {
            self.close(StreamEnd::Cut);
        }
        let Some(connection) = &mut self.connection else { return Ok(None) };
        let read = timeout(MAX_SILENCE, connection.read()).await;
        match read.with_context(|| format!("the stream was silent for {MAX_SILENCE:?}"))?? {
            Read::Body(mut bytes) => {
                bytes.truncate(self.left);
                self.left -= bytes.len();
                return Ok(Some(bytes));
            }
            Read::End => self.close(StreamEnd::Complete),
            Read::Closed => self.close(StreamEnd::Broken),
        }
        Ok(None)
    }

    fn close(&mut self, end: StreamEnd) {
        self.connection = None;
        self.end.get_or_insert(end);
    }
}

impl TestEnvironment {
    /// A stream of `message` through the local API Gateway.
    pub fn stream(&self, user: &TestUser, message: Uuid) -> StreamRequest {
        StreamRequest::new(&self.lambda.base_url(), user, message)
    }
}
