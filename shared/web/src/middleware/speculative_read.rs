//! Runs the handler of a read concurrently with authentication and rate limiting.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use clients::redis::sessions::{SESSION_CACHE_TTL, SessionClaim};
use clients::redis::token_bucket::RateLimitDecision;

use super::authenticate::authenticate_and_charge;
use super::denied_sessions::DeniedSessions;
use super::rate_limit::{RequestLimits, rejection};
use crate::ApiError;
use crate::caller::{Authentication, Caller};

/// Runs the handler as the claimed user while the session and the limits are checked. If one of
/// them refuses the request, the handler's response is dropped, and the session's next reads do
/// not start early while it is in `denied_sessions`.
pub(super) async fn run(
    limits: &RequestLimits<'_>,
    denied_sessions: &DeniedSessions,
    claim: SessionClaim,
    mut request: Request,
    next: Next,
) -> (Response, Vec<RateLimitDecision>) {
    request.extensions_mut().insert(Authentication::Valid(Caller::from(&claim)));
    let checks = async {
        let (authentication, decisions) = authenticate_and_charge(limits, Ok(claim)).await;
        match rejection(&decisions).map(ApiError::rate_limited).or_else(|| authentication.caller().err()) {
            None => Ok(decisions),
            Some(error) => Err((error, decisions)),
        }
    };
    match tokio::try_join!(checks, async { Ok(next.run(request).await) }) {
        Ok((decisions, response)) => (response, decisions),
        Err((error, decisions)) => {
            denied_sessions.insert(claim.session, rejection(&decisions).unwrap_or(SESSION_CACHE_TTL));
            (error.into_response(), decisions)
        }
    }
}
