//! What stands beside the API: a page to try it with, health, and whatever no other function answers.

mod client;
mod health;
mod openapi;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use app::Dependency;
use utoipa::OpenApi;
use web::Routes;
use web::openapi::Part;

/// What this function cannot do without: all that the deep health check looks at.
pub const DEPENDENCIES: &[Dependency] = &[
    Dependency::DATABASE,
    Dependency::REDIS,
    Dependency::TOKENS,
    Dependency::QUEUE,
    Dependency::TABLE,
    Dependency::GEMINI,
    Dependency::STRIPE,
];

/// The routes outside `/api`.
pub fn routes() -> Routes {
    LazyLock::force(&health::STARTED);
    Routes::new()
        .get("/", client::page)
        .get("/client.js", client::code)
        .get("/client.css", client::looks)
        .get("/health", health::handle)
        .get("/openapi.json", openapi::handle)
}

/// What the handlers say of themselves.
#[derive(OpenApi)]
#[openapi(
    tags((name = "Site", description = "What stands beside the API.")),
    paths(client::page, client::code, client::looks, health::handle, openapi::handle)
)]
struct Documentation;

/// The routes, and what is said of them in the OpenAPI document.
#[must_use]
pub fn documented() -> Part {
    Part { routes: routes(), document: Documentation::openapi() }
}
