//! A person's own account. One file an endpoint.

mod me;
mod rename;
mod stats;
#[cfg(test)]
mod tests;
mod usage;

use app::Need;
use axum::routing::get;
use web::Routes;

/// What this function cannot do without.
pub const NEEDS: &[Need] = &[Need::Database, Need::Redis, Need::Tokens];

/// The routes below `/api/user`.
pub fn routes() -> Routes {
    Routes::new()
        .route("/api/user/me", get(me::handle).put(rename::handle))
        .route("/api/user/stats", get(stats::handle))
        .route("/api/user/usage", get(usage::handle))
}
