//! API Gateway: turns requests into events, routes them by `template.yaml`, and turns the
//! functions' answers into HTTP responses. The HTTP API waits for the whole answer. The REST API
//! streams it.
//!
//! Sources:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>,
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html>.

mod event;
mod response;
pub(crate) mod routes;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures::stream;
use serde_json::{Map, Value, json};

pub use self::event::EventRequest;
use self::routes::{Api, Routes};
use super::reply::{self, Chunks, Collected};
use super::streaming_format;

/// Maximum size of a request body, in bytes.
const MAX_BODY: usize = 10 * 1024 * 1024;

/// A regional REST API closes a stream after this time without a byte.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_mins(5);

/// The function that serves a path. Empty if `template.yaml` cannot be read.
pub fn function_of(path: &str) -> &'static str {
    Routes::of_template().find(path).map_or("", |route| &route.function)
}

/// The event of the API that serves the path by `template.yaml`.
pub fn event(request: EventRequest<'_>) -> Value {
    request.event(Routes::of_template())
}

/// The functions behind the gateway: processes of this machine, or those of a deployment.
pub(super) trait Functions: Sync {
    fn routes(&self) -> &Routes;

    /// Invokes `function`, and collects a response that it streams.
    fn collect(&self, function: &str, event: Value) -> impl Future<Output = Result<Collected>> + Send;

    /// Invokes `function`, and returns the beginning of its response.
    fn stream(&self, function: &str, event: Value) -> impl Future<Output = Result<reply::Response>> + Send;
}

/// Passes a request to its function. If the function fails, responds as API Gateway does.
pub(super) async fn handle(functions: &impl Functions, request: Request) -> Response {
    let routes = functions.routes();
    let (function, api) =
        routes.find(request.uri().path()).map_or(("", Api::Http), |route| (&*route.function, route.api));
    // Without the query, which can contain what users search for.
    let line = format!("{} {}", request.method(), request.uri().path());
    let respond = async {
        let event = event_of(request, routes).await?;
        match api {
            Api::Http => {
                let collected = functions.collect(function, event).await?;
                ensure!(!collected.is_streamed, "the HTTP API cannot stream, and {function} does");
                response::from_document(&collected.document)
            }
            Api::Rest => respond_in_stream(functions, function, event, line.clone()).await,
        }
    };
    respond.await.unwrap_or_else(|error| {
        eprintln!("{line} failed: {error:#}");
        let (status, message) = match api {
            Api::Http => (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
            Api::Rest => (StatusCode::BAD_GATEWAY, "Internal server error"),
        };
        (status, Json(json!({ "message": message }))).into_response()
    })
}

async fn event_of(request: Request, routes: &Routes) -> Result<Value> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await.context("reading the request")?;
    let request = EventRequest {
        method: head.method.as_str(),
        path_and_query: head.uri.path_and_query().map_or("/", |path| path.as_str()),
        headers: &joined(&head.headers),
        body: (!body.is_empty()).then_some(&body[..]),
        address: "127.0.0.1",
    };
    Ok(request.event(routes))
}

async fn respond_in_stream(
    functions: &impl Functions,
    function: &str,
    event: Value,
    line: String,
) -> Result<Response> {
    let mut chunks = match functions.stream(function, event).await? {
        reply::Response::Buffered(document) => return response::from_document(&document),
        reply::Response::Streamed(chunks) => chunks,
    };
    let mut start = BytesMut::new();
    loop {
        let chunk = chunks.next(IDLE_TIMEOUT).await?.context("the response ended before the delimiter")?;
        start.extend_from_slice(&chunk);
        if let Some((prelude, body)) = streaming_format::split(&start)? {
            let body = body_of(Bytes::copy_from_slice(body), chunks, line);
            return response::head(&prelude)?.body(body).context("creating the response");
        }
    }
}

/// The body that begins with `start`. After an error it ends the connection without the end of the
/// body, by which a client knows that the response is incomplete.
fn body_of(start: Bytes, chunks: Chunks, line: String) -> Body {
    let start = (!start.is_empty()).then_some(start);
    Body::from_stream(stream::try_unfold(
        (start, chunks, line),
        move |(start, mut chunks, line)| async move {
            let chunk = match start {
                Some(start) => Ok(Some(start)),
                None => chunks.next(IDLE_TIMEOUT).await,
            };
            let chunk = chunk.inspect_err(|error| eprintln!("{line} ended in mid-stream: {error:#}"))?;
            anyhow::Ok(chunk.map(|chunk| (chunk, (None, chunks, line))))
        },
    ))
}

/// The headers as an event has them: those of one name are joined, and their bytes read as Latin-1.
fn joined(headers: &HeaderMap) -> Map<String, Value> {
    let mut joined = Map::new();
    for name in headers.keys() {
        let values = headers.get_all(name).iter();
        let texts: Vec<String> =
            values.map(|value| value.as_bytes().iter().map(|byte| char::from(*byte)).collect()).collect();
        joined.insert(name.as_str().to_owned(), texts.join(",").into());
    }
    joined
}
