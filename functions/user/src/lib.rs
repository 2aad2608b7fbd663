//! A person's own account. One file an endpoint.

mod delete;
mod export;
mod me;
mod rename;
mod stats;
#[cfg(test)]
mod tests;
mod usage;

use app::Dependency;
use utoipa::OpenApi;
use web::Routes;
use web::openapi::Part;

/// What this function cannot do without.
pub const DEPENDENCIES: &[Dependency] =
    &[Dependency::DATABASE, Dependency::REDIS, Dependency::TOKENS, Dependency::STRIPE];

/// The routes below `/api/user`.
pub fn routes() -> Routes {
    Routes::new()
        .read("/api/user/me", me::handle)
        .put("/api/user/me", rename::handle)
        .delete("/api/user/me", delete::handle)
        .read("/api/user/stats", stats::handle)
        .read("/api/user/usage", usage::handle)
        .get("/api/user/export", export::handle)
}

/// What the handlers say of themselves.
#[derive(OpenApi)]
#[openapi(
    tags((name = "User", description = "A person's own account.")),
    paths(me::handle, rename::handle, delete::handle, stats::handle, usage::handle, export::handle)
)]
struct Documentation;

/// The routes, and what is said of them in the OpenAPI document.
#[must_use]
pub fn documented() -> Part {
    Part { routes: routes(), document: Documentation::openapi() }
}
