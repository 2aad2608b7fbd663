//! The Lambda `subscription`: plans, checkout, cancellation and the customer portal. One file per
//! endpoint.

mod cancel;
mod cancel_at_period_end;
mod checkout;
mod customer;
mod errors;
mod plans;
mod portal;
mod pro;
mod reactivate;
mod redirect;
mod status;
#[cfg(test)]
mod tests;
mod views;

use app::Dependency;
use utoipa::OpenApi;
use web::Routes;
use web::openapi::Part;

/// What this function requires to start.
pub const DEPENDENCIES: &[Dependency] = &[
    Dependency::DATABASE,
    Dependency::REDIS,
    Dependency::TOKENS,
    Dependency::IDEMPOTENCY_STORE,
    Dependency::STRIPE,
];

/// The routes below `/api/subscription`. The list of plans is public.
pub fn routes() -> Routes {
    Routes::new()
        .idempotent_post("/api/subscription/pro", pro::handle)
        .read("/api/subscription/status", status::handle)
        .get("/api/subscription/plans", plans::handle)
        .post("/api/subscription/cancel", cancel::handle)
        .post("/api/subscription/reactivate", reactivate::handle)
        .post("/api/subscription/portal", portal::handle)
}

/// The OpenAPI description of the handlers.
#[derive(OpenApi)]
#[openapi(
    tags((name = "Subscription", description = "Plans, and who is on which.")),
    paths(pro::handle, status::handle, plans::handle, cancel::handle, reactivate::handle, portal::handle)
)]
struct Documentation;

/// The routes, and what is said of them in the OpenAPI document.
#[must_use]
pub fn documented() -> Part {
    Part { routes: routes(), document: Documentation::openapi() }
}
