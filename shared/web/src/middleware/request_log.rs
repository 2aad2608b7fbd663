//! Gives each request its id, its span, its time limit and one log line, and renders failures.

use std::sync::Arc;
use std::time::Duration;

use app::AppState;
use app::metrics::MetricEvent;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::{Instant, timeout};
use tracing::{Instrument, info, info_span};

use super::security_headers;
use crate::problem::{Problem, render};
use crate::{ApiError, ClientInfo};

/// The longest time for a request: slightly less than Lambda and API Gateway allow, so that the
/// client gets a problem document and not a gateway's error.
const TIME_LIMIT: Duration = Duration::from_secs(28);

/// Runs the request in a span with its id, and logs its status and duration. Neither the query nor
/// a body is logged.
pub(crate) async fn handle(State(app): State<Arc<AppState>>, mut request: Request, next: Next) -> Response {
    let client = ClientInfo::of(&request);
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let span = info_span!("request", request_id = client.request_id, method = %request.method(), route);
    let started = Instant::now();
    request.extensions_mut().insert(client.clone());
    async {
        let response = timeout(TIME_LIMIT, next.run(request)).await;
        let response = response.unwrap_or_else(|elapsed| ApiError::unavailable(elapsed).into_response());
        if is_rate_limited(&response) {
            app.metrics.emit(&MetricEvent::RateLimited);
        }
        let mut response = render(response, &client.request_id);
        security_headers::add(response.headers_mut(), &client.request_id);
        info!(status = response.status().as_u16(), duration_ms = milliseconds(started.elapsed()), "answered");
        response
    }
    .instrument(span)
    .await
}

fn is_rate_limited(response: &Response) -> bool {
    response.extensions().get::<Arc<Problem>>().is_some_and(|problem| problem.code == ApiError::RATE_LIMITED)
}

/// Rounded to microseconds.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}
