//! What others have to tell us: Stripe's events. One file an endpoint.

mod event;
mod stripe;
mod test;
#[cfg(test)]
mod tests;

use app::Dependency;
use utoipa::OpenApi;
use web::Routes;
use web::openapi::Part;

/// What this function cannot do without.
pub const DEPENDENCIES: &[Dependency] = &[
    Dependency::DATABASE,
    Dependency::REDIS,
    Dependency::TOKENS,
    Dependency::TABLE,
    Dependency::STRIPE,
    Dependency::STRIPE_WEBHOOKS,
];

/// The routes below `/api/webhook`. Both are for everybody: the first is proven by its signature.
pub fn routes() -> Routes {
    Routes::new().signed_post("/api/webhook/stripe", stripe::handle).get("/api/webhook/test", test::handle)
}

/// What the handlers say of themselves.
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
