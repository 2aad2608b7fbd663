//! The middleware that applies each route's [`RoutePolicy`]. See `docs/architecture.md` for the
//! order of the checks.

mod authenticate;
mod canonical_json;
pub(crate) mod cors;
mod denied_sessions;
mod idempotency;
mod public_idempotency;
mod rate_limit;
pub(crate) mod request_log;
pub(crate) mod security_headers;
mod speculative_read;

use std::sync::Arc;

use app::AppState;
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

pub(crate) use self::authenticate::{check_session, verify_token};
use self::denied_sessions::DeniedSessions;
pub(crate) use self::rate_limit::RequestLimits;
use crate::{ClientInfo, Route, RoutePolicy, Routes};

/// The route table, and the sessions that this process refused.
#[derive(Clone)]
pub(crate) struct GuardState {
    app: Arc<AppState>,
    routes: Arc<[Route]>,
    denied_sessions: Arc<DeniedSessions>,
}

impl GuardState {
    pub(crate) fn new(app: &Arc<AppState>, routes: &Routes) -> Self {
        Self { app: app.clone(), routes: routes.table().into(), denied_sessions: Arc::default() }
    }

    /// The policy of the request's route: standard if no route matches.
    fn policy(&self, request: &Request) -> RoutePolicy {
        let Some(path) = request.extensions().get::<MatchedPath>() else { return RoutePolicy::Standard };
        // axum answers HEAD by the handler of GET.
        let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        let is_match = |route: &&Route| route.method == method && route.path == path.as_str();
        self.routes.iter().find(is_match).map_or(RoutePolicy::Standard, |route| route.policy)
    }
}

/// Authenticates and rate limits a request by its route's policy, and runs its handler.
pub(crate) async fn guard(State(state): State<GuardState>, mut request: Request, next: Next) -> Response {
    let policy = state.policy(&request);
    request.extensions_mut().insert(policy.body_limit());
    match policy {
        RoutePolicy::SignedWebhook => return next.run(request).await,
        RoutePolicy::LivenessProbe if request.uri().query().is_none_or(str::is_empty) => {
            return next.run(request).await;
        }
        _ => {}
    }
    let (app, now) = (&state.app, state.app.clock.now());
    let network = request.extensions().get::<ClientInfo>().map_or_else(String::new, ClientInfo::network);
    let limits = RequestLimits::new(app, network);
    let token = authenticate::verify_token(app, request.headers(), now);
    let (mut response, decisions) = match (policy, token) {
        (RoutePolicy::SpeculativeRead, Ok(claim)) if !state.denied_sessions.contains(claim.session) => {
            speculative_read::run(&limits, &state.denied_sessions, claim, request, next).await
        }
        (RoutePolicy::IdempotentPublic, token) => {
            public_idempotency::run(&limits, token, request, next).await
        }
        (policy, token) if policy.is_idempotent() => idempotency::run(&limits, token, request, next).await,
        (_, token) => authenticate::run(&limits, token, request, next).await,
    };
    limits.add_headers(response.headers_mut(), &decisions, now);
    response
}
