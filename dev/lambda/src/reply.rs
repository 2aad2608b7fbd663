//! What a function answers an invocation with: one document, or a stream of bytes.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::body::Body;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time;

/// The chunks that wait for a slow reader before the function has to wait too.
const WAITING_CHUNKS: usize = 64;

/// An answer as the Runtime API receives it.
pub(super) enum Reply {
    Buffered(String),
    Streamed(StreamedReply),
}

pub(super) struct StreamedReply {
    body: Body,
    /// Whether the function closed the connection before the end of the body.
    is_broken: bool,
    /// Dropped with the body; only then does the Runtime API accept the response.
    _end: oneshot::Sender<()>,
}

impl StreamedReply {
    /// The second value completes once the reply is dropped.
    pub(super) fn new(body: Body) -> (Self, oneshot::Receiver<()>) {
        let (sender, end) = oneshot::channel();
        (Self { body, is_broken: false, _end: sender }, end)
    }

    /// The next chunk, or `None` at the end. The function reports an error in mid-stream by
    /// trailers.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        while let Some(frame) = self.body.frame().await {
            self.is_broken = frame.is_err();
            match frame.context("the function closed the connection in mid-stream")?.into_data() {
                Ok(chunk) if chunk.is_empty() => {}
                Ok(chunk) => return Ok(Some(chunk)),
                Err(other) => other.trailers_ref().map_or(Ok(()), refuse_error)?,
            }
        }
        Ok(None)
    }

    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }
}

fn refuse_error(trailers: &HeaderMap) -> Result<()> {
    let text = |name| trailers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let Some(kind) = text("lambda-runtime-function-error-type") else { return Ok(()) };
    let body = text("lambda-runtime-function-error-body").unwrap_or_default();
    let body = BASE64_STANDARD.decode(&body).map_or(body, |body| String::from_utf8_lossy(&body).into_owned());
    bail!("{kind} in mid-stream: {body}")
}

/// A whole answer.
pub(super) struct Collected {
    pub(super) document: Value,
    pub(super) is_streamed: bool,
}

/// An answer as an invoker receives it.
pub(super) enum Response {
    Buffered(Value),
    Streamed(Chunks),
}

/// The chunks of a streamed response. The last one is an error unless the response is complete.
pub(super) struct Chunks(mpsc::Receiver<Result<Bytes>>);

impl Chunks {
    /// The chunks of a response that is already complete.
    pub(super) fn whole(response: Bytes) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        // It cannot fail: the channel has room, and its receiver exists.
        let _ = sender.try_send(Ok(response));
        Self(receiver)
    }

    /// The next chunk, or `None` at the end. Fails if the function is silent for `idle_timeout`.
    pub(super) async fn next(&mut self, idle_timeout: Duration) -> Result<Option<Bytes>> {
        match time::timeout(idle_timeout, self.0.recv()).await {
            Ok(chunk) => chunk.transpose(),
            Err(_) => bail!("the function sent nothing for {idle_timeout:?}"),
        }
    }
}

/// The invoker's side of an invocation. An invoker that has gone away is no error: the function
/// runs on, and its output is discarded.
pub(super) enum Invoker {
    Waiting(oneshot::Sender<Result<Response>>),
    Reading(mpsc::Sender<Result<Bytes>>),
    Answered,
}

impl Invoker {
    pub(super) fn answer(&mut self, document: Value) {
        if let Self::Waiting(sender) = std::mem::replace(self, Self::Answered) {
            let _ = sender.send(Ok(Response::Buffered(document)));
        }
    }

    pub(super) fn begin_stream(&mut self) {
        let (chunks, receiver) = mpsc::channel(WAITING_CHUNKS);
        if let Self::Waiting(sender) = std::mem::replace(self, Self::Reading(chunks)) {
            let _ = sender.send(Ok(Response::Streamed(Chunks(receiver))));
        }
    }

    pub(super) async fn send(&self, chunk: Bytes) {
        if let Self::Reading(chunks) = self {
            let _ = chunks.send(Ok(chunk)).await;
        }
    }

    pub(super) async fn fail(self, error: anyhow::Error) {
        match self {
            Self::Waiting(sender) => drop(sender.send(Err(error))),
            Self::Reading(chunks) => drop(chunks.send(Err(error)).await),
            Self::Answered => {}
        }
    }
}
