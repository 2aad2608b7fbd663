//! The guard at the door: rate limits in one trip to Redis, and the session beside it.

use app::App;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use clients::redis::limits::{Limit, Verdict};
use tracing::warn;

use crate::caller::{Authentication, authenticate, claimed};
use crate::problem::whole_seconds;
use crate::{ApiError, Caller, ClientInfo};

/// Lets a request in that keeps within its limits, with what was found out about its token.
pub(crate) async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    if is_liveness_probe(&request) {
        return next.run(request).await;
    }
    let now = app.clock.now();
    let claim = claimed(&app, request.headers(), now);
    let address =
        request.extensions().get::<ClientInfo>().map_or("unknown", |client| client.address.as_str());
    let (verdicts, authentication) = tokio::join!(limits(&app, address, claim.as_ref().ok()), async {
        match &claim {
            Ok(caller) => authenticate(&app, *caller, now).await,
            Err(authentication) => authentication.clone(),
        }
    });
    let refused = verdicts.iter().filter_map(|verdict| verdict.retry_after).max();
    let mut response = if let Some(wait) = refused {
        ApiError::rate_limited(wait).into_response()
    } else {
        request.extensions_mut().insert::<Authentication>(authentication);
        next.run(request).await
    };
    if let Some(tightest) = verdicts.iter().min_by_key(|verdict| verdict.remaining) {
        add_headers(response.headers_mut(), tightest);
    }
    response
}

/// `GET /health` without parameters is free, for those who ask every few seconds whether we are there.
fn is_liveness_probe(request: &Request) -> bool {
    request.uri().path() == "/health" && request.uri().query().is_none_or(str::is_empty)
}

/// What the limits on the address and on the person say. Without Redis they let everything through: reading and
/// chatting go on, and the log says so.
async fn limits(app: &App, address: &str, caller: Option<&Caller>) -> Vec<Verdict> {
    let limits = app.config.rate_limits;
    let mut buckets: Vec<(String, Limit)> = vec![(address.to_owned(), limits.address)];
    buckets.extend(caller.map(|caller| (format!("user:{}", caller.user_id), limits.user)));
    app.redis.take(&buckets).await.unwrap_or_else(|error| {
        warn!(error = app::telemetry::chain(&error), "rate limits are open");
        Vec::new()
    })
}

/// The original's headers, and those of the IETF draft `draft-ietf-httpapi-ratelimit-headers`.
fn add_headers(headers: &mut HeaderMap, verdict: &Verdict) {
    let Limit { max, window } = verdict.limit;
    let (remaining, reset) = (verdict.remaining, whole_seconds(verdict.resets_in));
    for (name, value) in [
        ("x-ratelimit-limit", max.to_string()),
        ("x-ratelimit-remaining", remaining.to_string()),
        ("x-ratelimit-reset", reset.to_string()),
        ("ratelimit-policy", format!("\"default\";q={max};w={}", whole_seconds(window))),
        ("ratelimit", format!("\"default\";r={remaining};t={reset}")),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
