//! Problem documents (RFC 9457), with the members that clients of the Node.js service expect.
//!
//! A failed response carries its [`Problem`] as an extension. The outermost layer knows the request
//! id and writes the body. It also writes one for failures without a [`Problem`], which come from
//! the router and from layers of other crates.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use app::telemetry::chain;
use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tracing::{error, warn};

/// The detail of every internal error.
pub(crate) const INTERNAL_DETAIL: &str = "an internal error occurred; try again, or report the request_id";

/// What the client learns about a failure, and the cause, which is only logged.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    pub(crate) errors: Vec<String>,
    pub(crate) members: Map<String, Value>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: String) -> Self {
        let (errors, members) = (Vec::new(), Map::new());
        Self { status, code, detail, errors, members, retry_after: None, cause: None }
    }

    /// The problem of a failed response that carries none.
    fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => ("route_not_found", "there is no endpoint at this path"),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("method_not_allowed", "this path does not support this method; see the header Allow")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("body_too_large", "the body is too large"),
            status if status.is_client_error() => ("malformed_request", "the request is malformed"),
            _ => ("internal", INTERNAL_DETAIL),
        };
        Self::new(status, code, detail.to_owned())
    }

    /// The document, for the request `request_id`. It repeats `Retry-After`, because some clients show
    /// their page the body alone.
    pub(crate) fn document(&self, request_id: &str) -> Value {
        let mut members = self.members.clone();
        let own = json!({
            "type": format!("urn:problem:{}", self.code),
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
            "request_id": request_id,
            "success": false,
            "message": self.detail,
        });
        if let Value::Object(own) = own {
            members.extend(own);
        }
        if let Some(wait) = self.retry_after {
            members.insert("retry_after".to_owned(), whole_seconds(wait).into());
        }
        if !self.errors.is_empty() {
            members.insert("errors".to_owned(), json!(self.errors));
        }
        Value::Object(members)
    }

    /// Logs the cause of a server error.
    pub(crate) fn log(&self) {
        let cause = self.cause.as_deref().map(|cause| chain(cause));
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => warn!(code = self.code, cause, "unavailable"),
            status if status.is_server_error() => error!(code = self.code, cause, "failed"),
            _ => {}
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Writes the problem document of a failed `response`. Returns other responses unchanged.
pub(crate) fn render(response: Response, request_id: &str) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (mut head, _) = response.into_parts();
    let problem =
        head.extensions.remove::<Arc<Problem>>().unwrap_or_else(|| Arc::new(Problem::of_status(status)));
    problem.log();
    head.headers.remove(CONTENT_LENGTH);
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(wait) = problem.retry_after {
        head.headers.insert(RETRY_AFTER, whole_seconds(wait).into());
    }
    Response::from_parts(head, Body::from(problem.document(request_id).to_string()))
}

/// `wait` in whole seconds, rounded up; at least one.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1_000).max(1).try_into().unwrap_or(u64::MAX)
}
