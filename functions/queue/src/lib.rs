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

use app::Need;
use axum::routing::{delete, get, post};
use web::Routes;

/// What this function cannot do without.
pub const NEEDS: &[Need] = &[Need::Database, Need::Redis, Need::Tokens, Need::Queue, Need::Table];

/// The routes below `/api/queue`. All but the first are closed to everybody but operators.
pub fn routes() -> Routes {
    Routes::new()
        .route("/api/queue/status", get(status::handle))
        .route("/api/queue/jobs/{id}", get(job::handle))
        .route("/api/queue/failed", get(failed::handle))
        .route("/api/queue/failed/{id}", delete(dismiss::handle))
        .route("/api/queue/failed/{id}/retry", post(retry::handle))
        .route("/api/queue/redrive", post(redrive::handle))
}
