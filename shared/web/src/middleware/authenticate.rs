//! Authenticates a request: verifies its token, and checks that the session has not ended.
//!
//! The session check and the charge to the rate limits are one Redis script, so that a request
//! whose session is cached costs one round trip.

use std::time::Duration;

use app::telemetry::chain;
use app::{AppState, TokenError};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use clients::redis::sessions::{CachedSession, SessionClaim, SessionLookup};
use clients::redis::token_bucket::{Bucket, RateLimitDecision};
use domain::Tier;
use store::StoreError;
use store::sessions::{self, ActiveSession};
use tokio::time::Instant;
use tracing::warn;

use super::rate_limit::{RequestLimits, rejection};
use crate::ApiError;
use crate::caller::{Authentication, Caller};

/// Verifies the signature and the lifetime of the token in `headers`. Returns the session that it
/// claims, or the outcome where there is no session to check.
pub(crate) fn verify_token(
    app: &AppState,
    headers: &HeaderMap,
    now: DateTime<Utc>,
) -> Result<SessionClaim, Authentication> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = values.next() else { return Err(Authentication::Absent) };
    let token = header.to_str().ok().and_then(|text| text.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer") && values.next().is_none());
    let Some((_, token)) = token else {
        return Err(Authentication::Invalid("the Authorization header must be: Bearer <token>"));
    };
    let tokens = app.tokens().map_err(|_| Authentication::Unavailable)?;
    match tokens.verify(token.trim(), now) {
        Ok(claims) => {
            let limits = app.config.rate_limits;
            Ok(SessionClaim {
                session: claims.sid,
                user: claims.sub,
                basic: limits.basic,
                pro: limits.pro,
                now,
            })
        }
        Err(TokenError::Expired) => Err(Authentication::Invalid("the token has expired")),
        Err(TokenError::Invalid(_)) => Err(Authentication::Invalid("the token is invalid")),
    }
}

/// Runs the handler once the request is authenticated and charged to its limits. A request without
/// a valid session reaches the handler too: whether it needs a [`Caller`] is the handler's
/// decision.
pub(super) async fn run(
    limits: &RequestLimits<'_>,
    token: Result<SessionClaim, Authentication>,
    mut request: Request,
    next: Next,
) -> (Response, Vec<RateLimitDecision>) {
    let (authentication, decisions) = authenticate_and_charge(limits, token).await;
    let response = if let Some(wait) = rejection(&decisions) {
        ApiError::rate_limited(wait).into_response()
    } else {
        request.extensions_mut().insert(authentication);
        next.run(request).await
    };
    (response, decisions)
}

/// Checks the session and charges the request: to the user if the session is active, otherwise to
/// the client's network. Takes one round trip if the session is cached. A stolen token of an ended
/// session does not use up its owner's requests, and the requests of signed-in users do not use up
/// those of their network.
pub(super) async fn authenticate_and_charge(
    limits: &RequestLimits<'_>,
    token: Result<SessionClaim, Authentication>,
) -> (Authentication, Vec<RateLimitDecision>) {
    let claim = match token {
        Ok(claim) => claim,
        Err(authentication) => return (authentication, limits.charge_anonymous().await),
    };
    let limiter = &limits.app.rate_limiter;
    let (cached, mut decisions) = limiter.consume_for_session(&limits.global, &limits.address, &claim).await;
    let authentication = match cached {
        SessionLookup::Active => Authentication::Valid(Caller::from(&claim)),
        SessionLookup::Ended => Authentication::SESSION_ENDED,
        SessionLookup::Suspended => Authentication::Suspended(Caller::from(&claim)),
        SessionLookup::Unknown if rejection(&decisions).is_some() => Authentication::Unavailable,
        SessionLookup::Unknown => {
            let user_bucket = |tier| vec![claim.bucket(tier)];
            let (authentication, own) = load_session(limits, &claim, user_bucket).await;
            decisions.extend(own);
            if matches!(authentication, Authentication::Invalid(_) | Authentication::Suspended(_)) {
                decisions.extend(limits.charge_address().await);
            }
            authentication
        }
    };
    (authentication, decisions)
}

/// Checks the session without charging the request to any limit. Returns also how long the client
/// must wait for the next request, if the global limit has none left, or the user of a cached session.
pub(crate) async fn check_session(
    limits: &RequestLimits<'_>,
    claim: &SessionClaim,
) -> (Authentication, Option<Duration>) {
    match limits.app.redis.find_session(&limits.global, claim).await {
        Ok((SessionLookup::Active, wait)) => (Authentication::Valid(Caller::from(claim)), wait),
        Ok((SessionLookup::Ended, _)) => (Authentication::SESSION_ENDED, None),
        Ok((SessionLookup::Suspended, _)) => (Authentication::Suspended(Caller::from(claim)), None),
        Ok((SessionLookup::Unknown, wait)) => (load_session(limits, claim, |_| Vec::new()).await.0, wait),
        Err(_) => (load_session(limits, claim, |_| Vec::new()).await.0, None),
    }
}

/// Checks the session in Postgres, caches it in Redis, and charges the request to `buckets`, which
/// depend on the user's tier, in the same round trip to Redis.
async fn load_session(
    limits: &RequestLimits<'_>,
    claim: &SessionClaim,
    buckets: impl Fn(Tier) -> Vec<Bucket>,
) -> (Authentication, Vec<RateLimitDecision>) {
    let started = Instant::now();
    let ActiveSession { tier, expires_at, .. } = match find_active_session(limits.app, claim).await {
        Ok(Some(session)) if session.is_suspended => {
            // The next requests with this token are then refused without a query, and once the network
            // has no request left, without a token from the global bucket.
            let cached = limits.app.redis.cache_suspended_session(claim.session, started.elapsed()).await;
            if let Err(error) = cached {
                warn!(error = chain(&error), "a suspended session is not cached; it will be read again");
            }
            return (Authentication::Suspended(Caller::from(claim)), Vec::new());
        }
        Ok(Some(session)) => session,
        Ok(None) => {
            // The next requests with this token are then refused without a query, and before they take
            // a token from the global bucket.
            let marked = limits.app.redis.mark_session_absent(claim.session, claim.basic.window).await;
            if let Err(error) = marked {
                warn!(error = chain(&error), "an ended session is not marked; it will be read again");
            }
            return (Authentication::SESSION_ENDED, Vec::new());
        }
        Err(error) => {
            warn!(error = chain(&error), "the session could not be checked");
            return (Authentication::Unavailable, Vec::new());
        }
    };
    let (session, buckets) = (CachedSession { user: claim.user, tier, expires_at }, buckets(tier));
    let limiter = &limits.app.rate_limiter;
    let decisions =
        limiter.cache_session_and_consume(claim.session, &session, started.elapsed(), &buckets).await;
    (Authentication::Valid(Caller::from(claim)), decisions)
}

async fn find_active_session(
    app: &AppState,
    claim: &SessionClaim,
) -> Result<Option<ActiveSession>, StoreError> {
    sessions::find_active(&app.db().await?, claim.session, claim.user, claim.now).await
}
