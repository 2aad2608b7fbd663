//! Executes a request with an `Idempotency-Key` once, however often its client sends it.
//!
//! Source: `draft-ietf-httpapi-idempotency-key-header-07`. A key belongs to a user and a path. It
//! is looked up before the request is charged to any limit or quota: a client that repeats a request
//! after a lost response is charged only to a limit for replays, which is ten times higher. A new
//! request over its limit is refused without a write: its key is only read.

use std::time::Duration;

use app::AppState;
use axum::RequestExt;
use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, RawPathParams, Request};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use clients::redis::sessions;
use clients::redis::token_bucket::RateLimitDecision;
use clients::table::idempotency::{ClaimOutcome, ClaimRequest};
use domain::fingerprint::fingerprint;
use domain::id::uuid_at;
use uuid::Uuid;

use super::authenticate;
use super::canonical_json::canonical_json;
use super::rate_limit::{RequestLimits, rejection};
use crate::body_limit::BodyLimit;
use crate::caller::Authentication;
use crate::{ApiError, Caller, Operation};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest key, in bytes.
const MAX_KEY_LENGTH: usize = 255;

/// Looks up the request's key, charges the request, and runs the handler with its [`Operation`].
/// A request without a key or a valid session is treated as on any other route.
pub(super) async fn run(
    limits: &RequestLimits<'_>,
    token: Result<sessions::SessionClaim, Authentication>,
    mut request: Request,
    next: Next,
) -> (Response, Vec<RateLimitDecision>) {
    let key = match find_key(request.headers()) {
        Ok(Some(key)) => key,
        Ok(None) => return authenticate::run(limits, token, request, next).await,
        Err(error) => {
            let decisions = limits.charge_anonymous().await;
            let error = rejection(&decisions).map_or(error, ApiError::rate_limited);
            return (error.into_response(), decisions);
        }
    };
    let Ok(claim) = token else { return authenticate::run(limits, token, request, next).await };
    let (authentication, wait) = authenticate::check_session(limits, &claim).await;
    let Authentication::Valid(caller) = authentication else {
        return authenticate::run(limits, Err(authentication), request, next).await;
    };

    let begun = begin(limits.app, caller, &key, &mut request, claim.now, wait).await;
    let decisions = if is_repeated(&begun) {
        limits.charge_replay(&claim).await
    } else {
        authenticate::authenticate_and_charge(limits, Ok(claim)).await.1
    };
    let response = execute(limits.app, begun, &decisions, authentication, request, next).await;
    (response, decisions)
}

/// Whether the request repeats an operation that was executed or is in progress.
pub(super) fn is_repeated(begun: &Result<Operation, ApiError>) -> bool {
    match begun {
        Ok(operation) => operation.is_replay(),
        Err(error) => error.is_conflict(),
    }
}

/// Runs the handler of an operation that has begun, unless a rate limit refuses the request.
pub(super) async fn execute(
    app: &AppState,
    begun: Result<Operation, ApiError>,
    decisions: &[RateLimitDecision],
    authentication: Authentication,
    mut request: Request,
    next: Next,
) -> Response {
    let rate_limited = rejection(decisions).map(ApiError::rate_limited);
    match (begun, rate_limited) {
        (Err(error), rate_limited) => rate_limited.unwrap_or(error).into_response(),
        (Ok(operation), Some(rate_limited)) => operation.finish(app, rate_limited.into_response()).await,
        (Ok(operation), None) => {
            request.extensions_mut().insert(authentication);
            request.extensions_mut().insert(operation.clone());
            operation.finish(app, next.run(request).await).await
        }
    }
}

/// The request's key. The draft defines it as a quoted string; most clients send it without quotes.
pub(super) fn find_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().unwrap_or_default().trim();
    let key = key.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(key);
    let is_visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    if values.next().is_some() || !(1..=MAX_KEY_LENGTH).contains(&key.len()) || !is_visible {
        let error =
            format!("Idempotency-Key: must be one key of 1 to {MAX_KEY_LENGTH} visible ASCII characters");
        return Err(ApiError::invalid(vec![error]));
    }
    Ok(Some(key.to_owned()))
}

/// Begins the operation that `caller` identifies by `key`. With `wait`, the caller has no request left
/// for that long: the operation is then only replayed.
///
/// # Errors
/// 429 for a new operation without a request left, 409 while another request executes it, 422 if the
/// key was used with another body, 413 if the body is too large, and 503 if the record cannot be read:
/// the client relies on the key, so the request must not be executed without it.
async fn begin(
    app: &AppState,
    caller: Caller,
    key: &str,
    request: &mut Request,
    now: DateTime<Utc>,
    wait: Option<Duration>,
) -> Result<Operation, ApiError> {
    let body = read_body(request).await?;
    let scope = format!("{}\n{}\n{key}", caller.user_id, normalized_path(request).await);
    // The payload's hash includes the scope, because a short body could be guessed from a hash of
    // the body alone.
    let hash = |body: &[u8]| fingerprint(&[scope.as_bytes(), b"\n", body].concat());
    let claim = ClaimRequest {
        key: &fingerprint(scope.as_bytes()),
        payload_hash: &hash(&canonical_json(&body)),
        verbatim_payload_hash: &hash(&body),
        operation_id: uuid_at(now),
        now,
    };
    claim_or_replay(app, claim, wait).await
}

/// Claims the operation. With `wait`, it is only replayed.
pub(super) async fn claim_or_replay(
    app: &AppState,
    claim: ClaimRequest<'_>,
    wait: Option<Duration>,
) -> Result<Operation, ApiError> {
    let store = app.idempotency_store()?;
    if let Some(wait) = wait {
        let receipt = store.find_receipt(claim).await.map_err(ApiError::unavailable)?;
        return receipt.map(Operation::replay).ok_or_else(|| ApiError::rate_limited(wait));
    }
    match store.claim(claim).await.map_err(ApiError::unavailable)? {
        ClaimOutcome::Execute { lease, operation_id, is_retry } => {
            Ok(Operation::execute(lease, operation_id, is_retry))
        }
        ClaimOutcome::Completed(receipt) => Ok(Operation::replay(receipt)),
        ClaimOutcome::InFlight => {
            let detail =
                "a request with the same Idempotency-Key is still in progress; try again in a moment";
            let error = ApiError::new(StatusCode::CONFLICT, "request_in_flight", detail);
            Err(error.retry_after(Duration::from_secs(1)))
        }
        ClaimOutcome::PayloadMismatch => {
            let detail = "this Idempotency-Key was used with a different body; use a new key";
            Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail))
        }
    }
}

/// The route's path and the parameters in it. Ids are in canonical form, because clients may write
/// the same id in upper case or without hyphens.
pub(super) async fn normalized_path(request: &mut Request) -> String {
    let mut path =
        request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default().to_owned();
    if let Ok(params) = request.extract_parts::<RawPathParams>().await {
        for (_, value) in &params {
            path.push('\n');
            match Uuid::parse_str(value) {
                Ok(id) => path.push_str(&id.to_string()),
                Err(_) => path.push_str(value),
            }
        }
    }
    path
}

/// Reads the whole body and puts it back for the handler.
pub(super) async fn read_body(request: &mut Request) -> Result<Bytes, ApiError> {
    let body = std::mem::replace(request.body_mut(), Body::empty());
    let bytes = BodyLimit::of(request).read(body).await?;
    *request.body_mut() = Body::from(bytes.clone());
    Ok(bytes)
}
