//! The Lambda `webhook`: receives Stripe's events. One file per endpoint.

mod event;
mod stripe;
mod test;
#[cfg(test)]
mod tests;

use app::Dependency;
use utoipa::OpenApi;
use web::Routes;
use web::openapi::Part;

/// What this function requires to start.
pub const DEPENDENCIES: &[Dependency] = &[
    Dependency::DATABASE,
    Dependency::REDIS,
    Dependency::TOKENS,
    Dependency::TABLE,
    Dependency::STRIPE,
    Dependency::STRIPE_WEBHOOKS,
];

/// The routes below `/api/webhook`. Both are public; a signature authenticates the first.
pub fn routes() -> Routes {
    Routes::new().signed_post("/api/webhook/stripe", stripe::handle).get("/api/webhook/test", test::handle)
}

/// The OpenAPI description of the handlers.
#[derive(OpenApi)]
#[openapi(
    tags((name = "Webhook", description = "What others have to tell us.")),
    paths(stripe::handle, test::handle)
)]
struct Documentation;

/// The routes, and what is said of them in the OpenAPI document.
#[must_use]
pub fn documented() -> Part {
    Part { routes: routes(), document: Documentation::openapi() }
}
