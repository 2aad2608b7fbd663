//! The operator's view of the messages: how many wait, which failed and why, and having them answered again. Ids and
//! reasons, never a person's text. One file an endpoint.

mod dismiss;
mod failed;
mod job;
mod redrive;
mod retry;
mod status;
#[cfg(test)]
mod tests;
mod views;

use app::Dependency;
use utoipa::OpenApi;
use web::Routes;
use web::openapi::Part;

/// What this function cannot do without.
pub const DEPENDENCIES: &[Dependency] =
    &[Dependency::DATABASE, Dependency::REDIS, Dependency::TOKENS, Dependency::QUEUE, Dependency::TABLE];

/// The routes below `/api/queue`. All but the first are closed to everybody but operators.
pub fn routes() -> Routes {
    Routes::new()
        .get("/api/queue/status", status::handle)
        .get("/api/queue/jobs/{id}", job::handle)
        .get("/api/queue/failed", failed::handle)
        .delete("/api/queue/failed/{id}", dismiss::handle)
        .post("/api/queue/failed/{id}/retry", retry::handle)
        .post("/api/queue/redrive", redrive::handle)
}

/// What the handlers say of themselves.
#[derive(OpenApi)]
#[openapi(
    tags((name = "Queue", description = "How messages fare; but for the first, for operators.")),
    paths(status::handle, job::handle, failed::handle, dismiss::handle, retry::handle, redrive::handle)
)]
struct Documentation;

/// The routes, and what is said of them in the OpenAPI document.
#[must_use]
pub fn documented() -> Part {
    Part { routes: routes(), document: Documentation::openapi() }
}
