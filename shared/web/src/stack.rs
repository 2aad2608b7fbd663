//! The one middleware stack, the same for every function.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use app::AppState;
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;
use tower::{Layer, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::normalize_path::{NormalizePath, NormalizePathLayer};
use tracing::{Instrument, info, info_span};

use crate::guard::{GuardState, guard};
use crate::problem::render;
use crate::{ApiError, ClientInfo, Routes};

/// The largest body, in bytes.
pub(crate) const BODY_LIMIT: usize = 64 * 1024;

/// How long a request may take: a little less than Lambda and API Gateway give it, so that the answer is ours.
const TIME_LIMIT: Duration = Duration::from_secs(28);

/// A whole function, ready to be served.
pub type Service = NormalizePath<Router>;

/// Puts the stack around `routes`. From the outside in: the path without a trailing slash, request id and log line,
/// problem documents, security headers, CORS, panics, body limit, the guard (session, idempotency keys, limits).
pub fn stack(routes: Routes, app: &Arc<AppState>) -> Service {
    let layers = ServiceBuilder::new()
        .layer(from_fn(trace))
        .layer(cors(&app.config.cors_allowed_origins))
        .layer(CatchPanicLayer::custom(|panic: Box<dyn Any + Send>| panicked(panic.as_ref())))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(GuardState::new(app, &routes), guard));
    NormalizePathLayer::trim_trailing_slash().layer(routes.router.with_state(app.clone()).layer(layers))
}

/// Gives the request its id, runs it in a span of that name, writes one line about it, and turns a failure into its
/// document. Neither the query nor any body is logged.
async fn trace(mut request: Request, next: Next) -> Response {
    let client = ClientInfo::of(&request);
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let span = info_span!("request", request_id = client.request_id, method = %request.method(), route);
    let started = tokio::time::Instant::now();
    request.extensions_mut().insert(client.clone());
    async {
        let answer = timeout(TIME_LIMIT, next.run(request)).await;
        let answer = answer.unwrap_or_else(|elapsed| ApiError::unavailable(elapsed).into_response());
        let mut response = render(answer, &client.request_id);
        add_headers(response.headers_mut(), &client.request_id);
        info!(status = response.status().as_u16(), duration_ms = milliseconds(started.elapsed()), "answered");
        response
    }
    .instrument(span)
    .await
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

/// What helmet sets, for an API that answers no pages. A response that sets one itself keeps its own.
const SECURITY_HEADERS: [(&str, &str); 8] = [
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-permitted-cross-domain-policies", "none"),
];

fn add_headers(headers: &mut HeaderMap, request_id: &str) {
    for (name, value) in SECURITY_HEADERS {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
}

/// Pages of exactly these origins may call us; no others, no wildcard, no credentials.
fn cors(origins: &[String]) -> CorsLayer {
    let exposed = [
        "idempotency-replayed",
        "x-request-id",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "ratelimit",
        "ratelimit-policy",
        "retry-after",
        "x-quota-limit",
        "x-quota-remaining",
        "x-quota-reset",
    ];
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(
            origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()),
        ))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, HeaderName::from_static("idempotency-key")])
        .expose_headers(exposed.map(HeaderName::from_static))
        .max_age(Duration::from_hours(1))
}

fn panicked(panic: &(dyn Any + Send)) -> Response {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    ApiError::internal(format!("panicked: {}", text.unwrap_or("without a message"))).into_response()
}
