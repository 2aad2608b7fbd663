//! The routes of a function, and what holds for each of them beside its handler.

use app::App;
use axum::Router;
use axum::routing::MethodRouter;

/// The routes of a function.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    pub(crate) router: Router<App>,
    /// The paths whose POST takes an `Idempotency-Key`.
    pub(crate) idempotent: Vec<&'static str>,
}

impl Routes {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With `methods` at `path`.
    #[must_use]
    pub fn route(mut self, path: &'static str, methods: MethodRouter<App>) -> Self {
        self.router = self.router.route(path, methods);
        self
    }

    /// With `methods` at `path`, of which a POST takes an `Idempotency-Key`: its handler takes an
    /// [`Operation`](crate::Operation) and does its work by [`once`](crate::Operation::once).
    #[must_use]
    pub fn idempotent(mut self, path: &'static str, methods: MethodRouter<App>) -> Self {
        self.idempotent.push(path);
        self.route(path, methods)
    }

    /// These and the `others`.
    #[must_use]
    pub fn merge(mut self, others: Self) -> Self {
        self.router = self.router.merge(others.router);
        self.idempotent.extend(others.idempotent);
        self
    }
}
