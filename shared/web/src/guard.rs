//! The guard at the door: sessions, idempotency keys, rate limits.

use std::sync::Arc;
use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use clients::redis::RedisUnavailable;
use clients::redis::sessions::{
    CachedSession, SESSION_CACHE_TTL as LIFETIME, SessionClaim as Claim, SessionLookup as Lookup,
};
use clients::redis::token_bucket::{Bucket, Limit, RateLimitDecision};
use domain::Tier;
use store::StoreError;
use store::sessions::{self, ActiveSession};
use tokio::time::Instant;
use tracing::warn;

use crate::caller::{Authentication, Caller, claimed};
use crate::denied_sessions::DeniedSessions;
use crate::idempotency::{self, Operation};
use crate::local_limits;
use crate::problem::whole_seconds;
use crate::{ApiError, ClientInfo, Route, Routes};

/// How many times as often as a request may be made it may be asked what became of it.
const REPLAYS: u32 = 10;

/// The bucket of everybody.
const GLOBAL: &str = "global";

/// What the guard knows of the function behind it.
#[derive(Clone)]
pub(crate) struct GuardState {
    app: Arc<AppState>,
    /// The paths whose POST takes an `Idempotency-Key`.
    idempotent: Arc<[&'static str]>,
    /// The paths whose callers are known by a signature.
    signed: Arc<[&'static str]>,
    /// The paths whose GET only reads.
    reads: Arc<[&'static str]>,
    refusals: Arc<DeniedSessions>,
}

impl GuardState {
    pub(crate) fn new(app: &Arc<AppState>, routes: &Routes) -> Self {
        let paths = |which: fn(&Route) -> bool| {
            routes.table().iter().filter(|route| which(route)).map(|route| route.path).collect()
        };
        Self {
            app: app.clone(),
            idempotent: paths(|route| route.idempotent),
            signed: paths(|route| route.signed),
            reads: paths(|route| route.reads),
            refusals: Arc::default(),
        }
    }
}

/// Lets a request in that keeps within its limits, with what was found out about its token and its key.
pub(crate) async fn guard(State(door): State<GuardState>, request: Request, next: Next) -> Response {
    if is_liveness_probe(&request) || is_one_of(&request, &Method::POST, &door.signed) {
        return next.run(request).await;
    }
    let (app, now) = (&door.app, door.app.clock.now());
    let limits = app.config.rate_limits;
    let address = request.extensions().get::<ClientInfo>().map_or_else(String::new, ClientInfo::network);
    let shared = [Bucket::new(GLOBAL, limits.global), Bucket::new(address, limits.address)];
    let (mut response, decisions) = match claimed(app, request.headers(), now) {
        Ok(claim) if is_one_of(&request, &Method::GET, &door.reads) && !door.refusals.hold(claim.session) => {
            read(&door, &shared, claim, request, next).await
        }
        claim => admit(&door, &shared, claim, request, next).await,
    };
    // What everybody together has left is nobody's business.
    let own = decisions.iter().filter(|decision| decision.limit != limits.global);
    if let Some(tightest) = own.min_by_key(|decision| decision.remaining) {
        add_headers(response.headers_mut(), tightest, now);
    }
    response
}

/// Has a request read what it asks for while it is found out whether it is let in; where it is not, nobody sees what was read.
async fn read(
    door: &GuardState,
    shared: &[Bucket],
    claim: Claim,
    mut request: Request,
    next: Next,
) -> (Response, Vec<RateLimitDecision>) {
    request.extensions_mut().insert(Authentication::Known(Caller::from(&claim)));
    let admitted = async {
        let (authentication, decisions) = charge(&door.app, shared, Ok(claim)).await;
        match refusal(&decisions).map(ApiError::rate_limited).or_else(|| authentication.caller().err()) {
            None => Ok(decisions),
            Some(error) => Err((error, decisions)),
        }
    };
    match tokio::try_join!(admitted, async { Ok(next.run(request).await) }) {
        Ok((decisions, response)) => (response, decisions),
        Err((error, decisions)) => {
            door.refusals.remember(claim.session, refusal(&decisions).unwrap_or(LIFETIME));
            (error.into_response(), decisions)
        }
    }
}

/// Answers a request once it is let in.
async fn admit(
    door: &GuardState,
    shared: &[Bucket],
    claim: Result<Claim, Authentication>,
    mut request: Request,
    next: Next,
) -> (Response, Vec<RateLimitDecision>) {
    let app = &door.app;
    let (authentication, begun, decisions) = match idempotency::key_of(&request, &door.idempotent) {
        Ok(None) => {
            let (known, decisions) = charge(app, shared, claim).await;
            (known, Ok(idempotency::single()), decisions)
        }
        Ok(Some(key)) => begin(app, shared, claim, &key, &mut request).await,
        Err(error) => (Authentication::Absent, Err(error), take(app, shared).await),
    };

    let refused = refusal(&decisions);
    let response = match begun {
        Ok(operation) => {
            let response = if let Some(wait) = refused {
                ApiError::rate_limited(wait).into_response()
            } else {
                request.extensions_mut().insert(authentication);
                request.extensions_mut().insert(operation.clone());
                next.run(request).await
            };
            operation.conclude(app, response).await
        }
        Err(error) => refused.map_or(error, ApiError::rate_limited).into_response(),
    };
    (response, decisions)
}

/// How long a request that is refused has to wait.
fn refusal(decisions: &[RateLimitDecision]) -> Option<Duration> {
    decisions.iter().filter_map(|decision| decision.retry_after).max()
}

/// Charges a request to the `shared` buckets and to the person's, and finds out whether its session lasts: in one trip where
/// that is known. A person is charged only once the session has been seen to last: a token that opens nothing must not use
/// up its owner's requests.
async fn charge(
    app: &AppState,
    shared: &[Bucket],
    claim: Result<Claim, Authentication>,
) -> (Authentication, Vec<RateLimitDecision>) {
    let claim = match claim {
        Ok(claim) => claim,
        Err(known) => return (known, take(app, shared).await),
    };
    let (lookup, mut decisions) = match app.redis.consume_tokens_for_session(shared, &claim).await {
        Ok(found) => found,
        Err(error) => (Lookup::Unknown, take_locally(shared, &error)),
    };
    let known = match lookup {
        Lookup::Active => Authentication::Known(Caller::from(&claim)),
        Lookup::Ended => Authentication::ENDED,
        Lookup::Unknown if decisions.iter().any(|decision| decision.retry_after.is_some()) => {
            Authentication::Unknown
        }
        Lookup::Unknown => {
            let (known, own) = look_up(app, &claim, |tier| vec![claim.bucket(tier)]).await;
            decisions.extend(own);
            known
        }
    };
    (known, decisions)
}

/// Asks Postgres whether the claimed session lasts, has Redis remember it, and charges the request to `buckets`, which depend
/// on the person's plan.
async fn look_up(
    app: &AppState,
    claim: &Claim,
    buckets: impl Fn(Tier) -> Vec<Bucket>,
) -> (Authentication, Vec<RateLimitDecision>) {
    let begun = Instant::now();
    let ActiveSession { tier, expires_at } = match find_active_session(app, claim).await {
        Ok(Some(lasting)) => lasting,
        Ok(None) => return (Authentication::ENDED, Vec::new()),
        Err(error) => {
            warn!(error = chain(&error), "a session could not be checked");
            return (Authentication::Unknown, Vec::new());
        }
    };
    let (session, buckets) = (CachedSession { user: claim.user, tier, expires_at }, buckets(tier));
    let kept =
        app.redis.cache_session_and_consume_tokens(claim.session, &session, begun.elapsed(), &buckets).await;
    let decisions = kept.unwrap_or_else(|error| take_locally(&buckets, &error));
    (Authentication::Known(Caller::from(claim)), decisions)
}

async fn find_active_session(app: &AppState, claim: &Claim) -> Result<Option<ActiveSession>, StoreError> {
    sessions::find_active(&app.db().await?, claim.session, claim.user, claim.now).await
}

/// Looks a key up before anything is charged, and charges then: nothing that a first request would use up for a client that
/// only asks again what became of it, but not nothing at all.
async fn begin(
    app: &AppState,
    shared: &[Bucket],
    claim: Result<Claim, Authentication>,
    key: &str,
    request: &mut Request,
) -> (Authentication, Result<Operation, ApiError>, Vec<RateLimitDecision>) {
    let claim = match claim {
        Ok(claim) => claim,
        Err(known) => return (known, Ok(idempotency::single()), take(app, shared).await),
    };
    let known = match app.redis.find_session(&claim).await {
        Ok(Lookup::Active) => Authentication::Known(Caller::from(&claim)),
        Ok(Lookup::Ended) => Authentication::ENDED,
        Ok(Lookup::Unknown) | Err(_) => look_up(app, &claim, |_| Vec::new()).await.0,
    };
    let Authentication::Known(caller) = known else {
        return (known, Ok(idempotency::single()), take(app, shared).await);
    };
    let begun = idempotency::begin(app, caller, key, request, claim.now).await;
    let asks_again = match &begun {
        Ok(operation) => operation.is_replay(),
        Err(error) => error.is_conflict(),
    };
    let decisions = if asks_again {
        let replays = Limit { max: claim.basic.max.saturating_mul(REPLAYS), ..claim.basic };
        take(app, &[Bucket::new(format!("replay:{}", claim.user), replays)]).await
    } else {
        charge(app, shared, Ok(claim)).await.1
    };
    (known, begun, decisions)
}

/// `GET /health` without parameters is free, for those who ask every few seconds whether we are there.
fn is_liveness_probe(request: &Request) -> bool {
    request.uri().path() == "/health" && request.uri().query().is_none_or(str::is_empty)
}

/// Whether it goes to one of `paths`. What brings a signature is looked at whoever sends it: by the handler, before anything else.
fn is_one_of(request: &Request, method: &Method, paths: &[&str]) -> bool {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    request.method() == method && path.is_some_and(|path| paths.contains(&path))
}

/// Takes one request from each of `buckets`. Without Redis each process counts for itself, and the log says so.
async fn take(app: &AppState, buckets: &[Bucket]) -> Vec<RateLimitDecision> {
    app.redis.consume_tokens(buckets).await.unwrap_or_else(|error| take_locally(buckets, &error))
}

fn take_locally(buckets: &[Bucket], error: &RedisUnavailable) -> Vec<RateLimitDecision> {
    warn!(error = chain(error), "limits are counted in this process alone");
    buckets.iter().map(local_limits::take).collect()
}

/// The original's headers (the reset in seconds since 1970), and those of the IETF draft `draft-ietf-httpapi-ratelimit-headers`.
fn add_headers(headers: &mut HeaderMap, decision: &RateLimitDecision, now: DateTime<Utc>) {
    let Limit { max, window } = decision.limit;
    let (remaining, reset) = (decision.remaining, whole_seconds(decision.resets_in));
    for (name, value) in [
        ("x-ratelimit-limit", max.to_string()),
        ("x-ratelimit-remaining", remaining.to_string()),
        ("x-ratelimit-reset", now.timestamp().saturating_add_unsigned(reset).to_string()),
        ("ratelimit-policy", format!("\"default\";q={max};w={}", whole_seconds(window))),
        ("ratelimit", format!("\"default\";r={remaining};t={reset}")),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
