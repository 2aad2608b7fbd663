//! The Lambda `user`: the account of the caller. One file per endpoint.

mod delete_account;
mod export_account;
mod get_account;
mod get_stats;
mod list_usage;
#[cfg(test)]
mod tests;
mod update_profile;

use app::Dependency;
use utoipa::OpenApi;
use web::Routes;
use web::openapi::Part;

/// The dependencies that this function requires at start-up.
pub const DEPENDENCIES: &[Dependency] =
    &[Dependency::DATABASE, Dependency::REDIS, Dependency::TOKENS, Dependency::STRIPE];

/// The routes below `/api/user`.
pub fn routes() -> Routes {
    Routes::new()
        .read("/api/user/me", get_account::handle)
        .put("/api/user/me", update_profile::handle)
        .delete("/api/user/me", delete_account::handle)
        .read("/api/user/stats", get_stats::handle)
        .read("/api/user/usage", list_usage::handle)
        .get("/api/user/export", export_account::handle)
}

/// What the handlers say of themselves.
#[derive(OpenApi)]
#[openapi(
    tags((name = "User", description = "The account of the caller.")),
    paths(get_account::handle, update_profile::handle, delete_account::handle, get_stats::handle, list_usage::handle, export_account::handle)
)]
struct Documentation;

/// The routes, and what is said of them in the OpenAPI document.
#[must_use]
pub fn documented() -> Part {
    Part { routes: routes(), document: Documentation::openapi() }
}
