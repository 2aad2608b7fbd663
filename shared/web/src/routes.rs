//! The routes of a function, and what holds for each of them beside its handler.

use std::sync::Arc;

use app::AppState;
use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, on};

/// A line of the route table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, parameters in braces.
    pub path: &'static str,
    /// Whether it takes an `Idempotency-Key`.
    pub idempotent: bool,
    /// Whether its caller is known by a signature on the body.
    pub signed: bool,
    /// Whether its handler only reads, and may begin before it is known whether the caller is let in.
    pub reads: bool,
}

/// The routes of a function.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    pub(crate) router: Router<Arc<AppState>>,
    table: Vec<Route>,
}

impl Routes {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With `handler` for GET at `path`.
    #[must_use]
    pub fn get<H: Handler<T, Arc<AppState>>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.with(Method::GET, MethodFilter::GET, path, handler)
    }

    /// With `handler` for GET at `path`, which reads something of its caller's and changes nothing but what is cached of that. It runs while the guard asks
    /// whether the caller is let in, and nobody sees what it read where they are not: two trips take the time of one.
    #[must_use]
    pub fn read<H: Handler<T, Arc<AppState>>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        let mut routes = self.get(path, handler);
        if let Some(route) = routes.table.last_mut() {
            route.reads = true;
        }
        routes
    }

    /// With `handler` for POST at `path`.
    #[must_use]
    pub fn post<H: Handler<T, Arc<AppState>>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.with(Method::POST, MethodFilter::POST, path, handler)
    }

    /// With `handler` for POST at `path`, which takes an `Idempotency-Key`: the handler takes an
    /// [`Operation`](crate::Operation) and does its work by [`once`](crate::Operation::once).
    #[must_use]
    pub fn idempotent_post<H: Handler<T, Arc<AppState>>, T: 'static>(
        self,
        path: &'static str,
        handler: H,
    ) -> Self {
        let mut routes = self.post(path, handler);
        if let Some(route) = routes.table.last_mut() {
            route.idempotent = true;
        }
        routes
    }

    /// With `handler` for POST at `path`, whose caller proves by a signature on the [`RawBody`](crate::RawBody) who it is. It is
    /// charged to no limit: what one vendor sends comes from few addresses, and must not be turned away.
    #[must_use]
    pub fn signed_post<H: Handler<T, Arc<AppState>>, T: 'static>(
        self,
        path: &'static str,
        handler: H,
    ) -> Self {
        let mut routes = self.post(path, handler);
        if let Some(route) = routes.table.last_mut() {
            route.signed = true;
        }
        routes
    }

    /// With `handler` for PUT at `path`.
    #[must_use]
    pub fn put<H: Handler<T, Arc<AppState>>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.with(Method::PUT, MethodFilter::PUT, path, handler)
    }

    /// With `handler` for PATCH at `path`.
    #[must_use]
    pub fn patch<H: Handler<T, Arc<AppState>>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.with(Method::PATCH, MethodFilter::PATCH, path, handler)
    }

    /// With `handler` for DELETE at `path`.
    #[must_use]
    pub fn delete<H: Handler<T, Arc<AppState>>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.with(Method::DELETE, MethodFilter::DELETE, path, handler)
    }

    /// These and the `others`.
    #[must_use]
    pub fn merge(mut self, others: Self) -> Self {
        self.router = self.router.merge(others.router);
        self.table.extend(others.table);
        self
    }

    /// All of them.
    #[must_use]
    pub fn table(&self) -> &[Route] {
        &self.table
    }

    fn with<H: Handler<T, Arc<AppState>>, T: 'static>(
        mut self,
        method: Method,
        filter: MethodFilter,
        path: &'static str,
        handler: H,
    ) -> Self {
        self.router = self.router.route(path, on(filter, handler));
        self.table.push(Route { method, path, idempotent: false, signed: false, reads: false });
        self
    }
}
