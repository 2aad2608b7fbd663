//! Gives each request its id, its span, its time limit and one log line, and renders failures.

use std::sync::Arc;
use std::time::Duration;

use app::AppState;
use app::metrics::MetricEvent;
use app::trace::{self, SpanKind, SpanRecord};
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use tokio::time::{Instant, timeout};
use tracing::{Instrument, info, info_span};

use super::security_headers;
use crate::problem::{Problem, render};
use crate::{ApiError, ClientInfo};

/// The longest time for a request: slightly less than Lambda and API Gateway allow, so that the
/// client gets a problem document and not a gateway's error.
const TIME_LIMIT: Duration = Duration::from_secs(28);

/// Runs the request in a span with its ids, and logs its status and duration. Neither the query nor
/// a body is logged.
pub(crate) async fn handle(State(app): State<Arc<AppState>>, mut request: Request, next: Next) -> Response {
    let client = ClientInfo::of(&request);
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let span = info_span!(
        "request",
        request_id = client.request_id,
        client_request_id = client.client_request_id,
        trace_id = client.trace.trace_id(),
        method = %request.method(),
        route
    );
    let operation = format!("{} {route}", request.method());
    let (started, started_at) = (Instant::now(), app.clock.now());
    request.extensions_mut().insert(client.clone());
    async {
        let response = timeout(TIME_LIMIT, trace::within(client.as_origin(), next.run(request))).await;
        let response = response.unwrap_or_else(|elapsed| ApiError::unavailable(elapsed).into_response());
        if is_rate_limited(&response) {
            app.metrics.emit(&MetricEvent::RateLimited);
        }
        let mut response = render(response, client.response_id());
        security_headers::add(response.headers_mut(), client.response_id());
        record(&app, &client, operation, response.status(), started_at);
        info!(status = response.status().as_u16(), duration_ms = milliseconds(started.elapsed()), "answered");
        response
    }
    .instrument(span)
    .await
}

/// Adds the request to its trace.
fn record(
    app: &AppState,
    client: &ClientInfo,
    operation: String,
    status: StatusCode,
    started_at: DateTime<Utc>,
) {
    app.tracer.record(client.trace, || SpanRecord {
        context: client.trace,
        parent: client.parent,
        name: operation,
        kind: SpanKind::Server,
        started_at,
        ended_at: app.clock.now(),
        attributes: vec![
            ("request_id", Some(client.request_id.clone())),
            ("client_request_id", client.client_request_id.clone()),
            ("http.response.status_code", Some(status.as_str().to_owned())),
        ],
        is_error: status.is_server_error(),
    });
}

fn is_rate_limited(response: &Response) -> bool {
    response.extensions().get::<Arc<Problem>>().is_some_and(|problem| problem.code == ApiError::RATE_LIMITED)
}

/// Rounded to microseconds.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}
