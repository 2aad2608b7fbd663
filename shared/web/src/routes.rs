//! The route table of a function: method, path and policy of each endpoint, beside its handler.

use std::sync::Arc;

use app::AppState;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, on};
use axum::{Extension, Router};
use utoipa::openapi::HttpMethod;

use crate::body_limit::BodyLimit;

/// How the middleware treats the requests of a route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RoutePolicy {
    /// Authenticates and rate limits the request, then runs the handler.
    #[default]
    Standard,
    /// Also accepts an `Idempotency-Key`. The handler takes an [`Operation`](crate::Operation) and
    /// does its work in [`once`](crate::Operation::once).
    Idempotent,
    /// Like [`Idempotent`](Self::Idempotent), for a body with the text of a message, which may be
    /// larger.
    IdempotentLongText,
    /// Like [`Standard`](Self::Standard), for a body with a whole conversation.
    Conversation,
    /// Like [`Idempotent`](Self::Idempotent), for a caller without a token. The key belongs to the
    /// mobile number or the session of the refresh token in the body.
    IdempotentPublic,
    /// Runs the handler concurrently with authentication and rate limiting, and discards the
    /// response if either refuses the request: two round trips take the time of one. The handler
    /// must only read the caller's data; it may write a cache of that data, and counts that expire.
    SpeculativeRead,
    /// Skips authentication and rate limits. The handler verifies a signature on the
    /// [`RawBody`](crate::RawBody). One vendor sends all its events from few addresses, so an
    /// address limit would reject them.
    SignedWebhook,
    /// Skips authentication and rate limits while the request has no query parameters, because
    /// monitors call the route every few seconds. With parameters it is
    /// [`Standard`](Self::Standard).
    LivenessProbe,
}

impl RoutePolicy {
    /// Whether the route accepts an `Idempotency-Key`.
    pub(crate) const fn is_idempotent(self) -> bool {
        matches!(self, Self::Idempotent | Self::IdempotentLongText | Self::IdempotentPublic)
    }

    /// The largest body that the route reads.
    pub(crate) const fn body_limit(self) -> BodyLimit {
        match self {
            Self::IdempotentLongText => BodyLimit::LongText,
            Self::Conversation => BodyLimit::Conversation,
            Self::SignedWebhook => BodyLimit::Event,
            Self::Standard
            | Self::Idempotent
            | Self::IdempotentPublic
            | Self::SpeculativeRead
            | Self::LivenessProbe => BodyLimit::Json,
        }
    }
}

/// One line of the route table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with parameters in braces.
    pub path: &'static str,
    /// How the middleware treats its requests.
    pub policy: RoutePolicy,
}

/// The routes of a function.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    pub(crate) router: Router<Arc<AppState>>,
    table: Vec<Route>,
}

impl Routes {
    /// An empty route table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a handler whose method and path are those of the `#[utoipa::path]` attribute that
    /// generated `P`. Calls no other function of `P`, so that no schema is built or linked.
    #[must_use]
    pub fn endpoint<P: utoipa::Path, H: Handler<T, Arc<AppState>>, T: 'static>(
        self,
        policy: RoutePolicy,
        handler: H,
    ) -> Self {
        // Leaked because a process builds its route table once and keeps it until it exits.
        let path: &'static str = P::path().leak();
        self.route(&P::methods(), path, policy, handler)
    }

    /// Gives the handlers added so far `value`, as `Extension<Arc<T>>`.
    #[must_use]
    pub fn shared<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.router = self.router.layer(Extension(Arc::new(value)));
        self
    }

    /// Adds `handler` for `methods` at `path`.
    #[must_use]
    pub fn route<H: Handler<T, Arc<AppState>>, T: 'static>(
        mut self,
        methods: &[HttpMethod],
        path: &'static str,
        policy: RoutePolicy,
        handler: H,
    ) -> Self {
        let (methods, filters): (Vec<_>, Vec<_>) = methods.iter().map(to_axum).unzip();
        if let Some(filter) = filters.into_iter().reduce(MethodFilter::or) {
            self.router = self.router.route(path, on(filter, handler));
        }
        self.table.extend(methods.into_iter().map(|method| Route { method, path, policy }));
        self
    }

    /// Adds all routes of `others`.
    #[must_use]
    pub fn merge(mut self, others: Self) -> Self {
        self.router = self.router.merge(others.router);
        self.table.extend(others.table);
        self
    }

    /// The route table.
    #[must_use]
    pub fn table(&self) -> &[Route] {
        &self.table
    }
}

/// The method in the types of axum.
pub(crate) fn to_axum(method: &HttpMethod) -> (Method, MethodFilter) {
    match method {
        HttpMethod::Get => (Method::GET, MethodFilter::GET),
        HttpMethod::Put => (Method::PUT, MethodFilter::PUT),
        HttpMethod::Post => (Method::POST, MethodFilter::POST),
        HttpMethod::Patch => (Method::PATCH, MethodFilter::PATCH),
        HttpMethod::Delete => (Method::DELETE, MethodFilter::DELETE),
        HttpMethod::Options => (Method::OPTIONS, MethodFilter::OPTIONS),
        HttpMethod::Head => (Method::HEAD, MethodFilter::HEAD),
        HttpMethod::Trace => (Method::TRACE, MethodFilter::TRACE),
    }
}
