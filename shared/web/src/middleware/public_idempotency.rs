//! Idempotency keys on routes without a token: sign-up, password reset and refresh.
//!
//! A key belongs to a route and to the mobile number in the body, or to the session of its refresh
//! token, so that callers cannot meet each other's keys. Scope and body are stored as HMACs, because
//! numbers and codes are short enough to be found from a plain hash.

use std::time::Duration;

use app::AppState;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use clients::redis::sessions::SessionClaim;
use clients::redis::token_bucket::RateLimitDecision;
use clients::table::idempotency::ClaimRequest;
use domain::AccountNumber;
use domain::fingerprint::keyed_fingerprint;
use domain::id::uuid_at;
use domain::refresh_token::RefreshToken;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::authenticate;
use super::canonical_json::canonical_json;
use super::idempotency::{claim_or_replay, execute, find_key, is_repeated, normalized_path, read_body};
use super::rate_limit::{RequestLimits, rejection};
use crate::caller::Authentication;
use crate::extract::without_byte_order_mark;
use crate::{ApiError, Operation};

/// Looks up the request's key, charges the request to its network, and runs the handler with its
/// [`Operation`]. A request without a key, or whose body names no account, is treated as on any
/// other route.
pub(super) async fn run(
    limits: &RequestLimits<'_>,
    token: Result<SessionClaim, Authentication>,
    mut request: Request,
    next: Next,
) -> (Response, Vec<RateLimitDecision>) {
    let key = match find_key(request.headers()) {
        Ok(Some(key)) => key,
        Ok(None) => return authenticate::run(limits, token, request, next).await,
        Err(error) => return refuse(limits, error).await,
    };
    let body = match read_body(&mut request).await {
        Ok(body) => canonical_json(&body),
        Err(error) => return refuse(limits, error).await,
    };
    let Some(subject) = subject(limits.app, &body) else {
        return authenticate::run(limits, token, request, next).await;
    };
    let wait = find_wait(limits, &token).await;
    let begun = begin(limits.app, &key, &subject, &body, &mut request, wait).await;
    let (authentication, decisions) = if is_repeated(&begun) {
        (Authentication::Absent, limits.charge_anonymous_replay().await)
    } else {
        authenticate::authenticate_and_charge(limits, token).await
    };
    let response = execute(limits.app, begun, &decisions, authentication, request, next).await;
    (response, decisions)
}

async fn refuse(limits: &RequestLimits<'_>, error: ApiError) -> (Response, Vec<RateLimitDecision>) {
    let decisions = limits.charge_anonymous().await;
    let error = rejection(&decisions).map_or(error, ApiError::rate_limited);
    (error.into_response(), decisions)
}

/// How long the client must wait for its next request, if a limit that the request would be charged
/// to has none left.
async fn find_wait(
    limits: &RequestLimits<'_>,
    token: &Result<SessionClaim, Authentication>,
) -> Option<Duration> {
    if let Ok(claim) = token
        && let (Authentication::Valid(_), wait) = authenticate::check_session(limits, claim).await
    {
        return wait;
    }
    limits.wait_of_network().await
}

async fn begin(
    app: &AppState,
    key: &str,
    subject: &str,
    body: &[u8],
    request: &mut Request,
    wait: Option<Duration>,
) -> Result<Operation, ApiError> {
    let now = app.clock.now();
    let secret = app.config.jwt_secret.expose_secret().as_bytes();
    let path = normalized_path(request).await;
    let scope = ["public operation", &path, subject, key];
    let body = String::from_utf8_lossy(body);
    let payload = keyed_fingerprint(secret, &[&scope[..], &[&body]].concat());
    let claim = ClaimRequest {
        key: &keyed_fingerprint(secret, &scope),
        payload_hash: &payload,
        verbatim_payload_hash: &payload,
        operation_id: uuid_at(now),
        now,
    };
    claim_or_replay(app, claim, wait).await
}

/// The account that the body names: the mobile number in its one form, or the session of the refresh
/// token.
fn subject(app: &AppState, body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Subject {
        mobile_number: Option<AccountNumber>,
        refresh_token: Option<String>,
    }
    let Subject { mobile_number, refresh_token } =
        serde_json::from_slice(without_byte_order_mark(body)).ok()?;
    if let Some(number) = mobile_number {
        return Some(number.as_str().to_owned()).filter(|number| !number.is_empty());
    }
    let secrets = std::iter::once(&app.config.jwt_secret).chain(&app.config.jwt_previous_secret);
    let keys: Vec<&[u8]> = secrets.map(|secret| secret.expose_secret().as_bytes()).collect();
    let (session, _) = RefreshToken::parse(&refresh_token?, &keys)?;
    Some(session.to_string())
}
