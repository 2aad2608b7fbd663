//! Lambda's HTTP interfaces: the Runtime API, version 2018-06-01, and `Invoke`, version 2015-03-31.
//! All other paths belong to API Gateway.

use std::sync::{Arc, Weak};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{get, post};
use tokio::time::Instant;

use super::instance::RuntimeApiSlot;
use super::reply::{Reply, StreamedReply};
use super::{Inner, Lambda, Slots, gateway, lock};

/// The header by which a function says that it streams its response.
const RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";

/// Maximum size of a response that is not streamed, in bytes.
const MAX_RESPONSE: usize = 6 * 1024 * 1024;

#[derive(Clone)]
struct Service {
    slots: Arc<Slots>,
    inner: Weak<Inner>,
}

pub(super) fn router(slots: Arc<Slots>, inner: Weak<Inner>) -> Router {
    Router::new()
        .route("/{instance}/2018-06-01/runtime/invocation/next", get(next))
        .route("/{instance}/2018-06-01/runtime/invocation/{id}/{kind}", post(complete))
        .route("/{instance}/2018-06-01/runtime/init/error", post(init_error))
        .route("/2015-03-31/functions/{function}/invocations", post(invoke))
        .fallback(request)
        .with_state(Service { slots, inner })
}

impl Service {
    fn slot(&self, instance: &str) -> Option<Arc<RuntimeApiSlot>> {
        lock(&self.slots).get(instance).cloned()
    }
}

async fn next(State(service): State<Service>, Path(instance): Path<String>) -> Response {
    let Some(slot) = service.slot(&instance) else { return StatusCode::FORBIDDEN.into_response() };
    slot.ready.send_if_modified(|ready| ready.replace(ready.unwrap_or_else(Instant::now)).is_none());
    let Some(invocation) = slot.next.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let headers = [
        ("lambda-runtime-aws-request-id", invocation.id.clone()),
        ("lambda-runtime-deadline-ms", invocation.deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            format!("arn:aws:lambda:eu-central-1:000000000000:function:{instance}"),
        ),
    ];
    lock(&slot.unanswered).insert(invocation.id, invocation.outcome);
    (AppendHeaders(headers), invocation.payload).into_response()
}

async fn complete(
    State(service): State<Service>,
    Path((instance, id, kind)): Path<(String, String, String)>,
    request: Request,
) -> StatusCode {
    if !["response", "error"].contains(&kind.as_str()) {
        return StatusCode::NOT_FOUND;
    }
    let sender = service.slot(&instance).and_then(|slot| lock(&slot.unanswered).remove(&id));
    let Some(sender) = sender else { return StatusCode::BAD_REQUEST };
    let is_streamed = request.headers().get(RESPONSE_MODE).is_some_and(|mode| mode == "streaming");
    if kind == "response" && is_streamed {
        let (reply, end) = StreamedReply::new(request.into_body());
        let _ = sender.send(Ok(Reply::Streamed(reply)));
        // The function gets no other invocation before this one has ended.
        let _ = end.await;
        return StatusCode::ACCEPTED;
    }
    let Ok(body) = to_bytes(request.into_body(), MAX_RESPONSE).await else {
        return StatusCode::PAYLOAD_TOO_LARGE;
    };
    let text = String::from_utf8_lossy(&body).into_owned();
    let outcome = if kind == "response" { Ok(Reply::Buffered(text)) } else { Err(text) };
    // Fails only if the caller has cancelled the invocation.
    let _ = sender.send(outcome);
    StatusCode::ACCEPTED
}

async fn init_error(Path(instance): Path<String>, body: String) -> StatusCode {
    eprintln!("{instance} cannot start: {body}");
    StatusCode::ACCEPTED
}

async fn request(State(service): State<Service>, request: Request) -> Response {
    match service.inner.upgrade() {
        Some(inner) => gateway::handle(&Lambda(inner), request).await,
        None => StatusCode::GONE.into_response(),
    }
}

async fn invoke(State(service): State<Service>, Path(function): Path<String>, body: String) -> Response {
    let Some(inner) = service.inner.upgrade() else { return StatusCode::GONE.into_response() };
    let Ok(payload) = serde_json::from_str(&body) else {
        return (StatusCode::BAD_REQUEST, "the payload is not JSON").into_response();
    };
    match Lambda(inner).invoke(&function, payload).await {
        Ok(response) => response.to_string().into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}
