//! CORS: which web origins may call the API from a browser.

use std::time::Duration;

use app::Environment;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method};
use lambda_http::RequestExt as _;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// The response headers that scripts of an allowed origin may read.
const EXPOSED_HEADERS: [&str; 11] = [
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

/// The request headers of this API that scripts may set, besides those of HTTP.
const REQUEST_HEADERS: [&str; 4] = ["idempotency-key", "last-event-id", "traceparent", "x-request-id"];

/// The stage variable of the REST API with the origin of the HTTP API, whose page calls both. A variable of
/// the function would make the two APIs depend on each other.
const PAGE_ORIGIN: &str = "pageOrigin";

/// Allows exactly `origins`, the origin of the deployment's own page, and in a local run every port of
/// this machine: no wildcard and no credentials.
pub(crate) fn layer(origins: &[String], environment: Environment) -> CorsLayer {
    let origins: Vec<HeaderValue> =
        origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    let is_local = environment == Environment::Local;
    let is_allowed = move |origin: &HeaderValue, request: &Parts| {
        origins.contains(origin)
            || (is_local && origin.to_str().is_ok_and(is_this_machine))
            || request
                .stage_variables_ref()
                .and_then(|all| all.first(PAGE_ORIGIN))
                .is_some_and(|page| page == origin)
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_allowed))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(
            [AUTHORIZATION, CONTENT_TYPE]
                .into_iter()
                .chain(REQUEST_HEADERS.map(HeaderName::from_static))
                .collect::<Vec<_>>(),
        )
        .expose_headers(EXPOSED_HEADERS.map(HeaderName::from_static))
        .max_age(Duration::from_hours(1))
}

/// Whether an origin is a page that this machine serves, on any port.
fn is_this_machine(origin: &str) -> bool {
    let host = ["http://", "https://"].iter().find_map(|scheme| origin.strip_prefix(scheme));
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| {
        host.and_then(|host| host.strip_prefix(name)).is_some_and(|port| {
            port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_machine_are_local() {
        for origin in
            ["http://localhost:5173", "https://localhost", "http://127.0.0.1:3000", "http://[::1]:8080"]
        {
            assert!(is_this_machine(origin), "{origin}");
        }
        for origin in [
            "null",
            "http://localhost.evil.example",
            "http://localhost:5173.evil.example",
            "http://127.0.0.1.evil.example",
            "http://localhost:99999",
            "http://evil.example/?http://localhost",
            "ftp://localhost",
            "file://",
        ] {
            assert!(!is_this_machine(origin), "{origin}");
        }
    }
}
