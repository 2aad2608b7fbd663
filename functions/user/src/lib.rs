//! A person's own account. One file an endpoint.

mod delete;
mod export;
mod me;
mod rename;
mod stats;
#[cfg(test)]
mod tests;
mod usage;

use app::Need;
use web::Routes;

/// What this function cannot do without.
pub const NEEDS: &[Need] = &[Need::Database, Need::Redis, Need::Tokens];

/// The routes below `/api/user`.
pub fn routes() -> Routes {
    Routes::new()
        .get("/api/user/me", me::handle)
        .put("/api/user/me", rename::handle)
        .delete("/api/user/me", delete::handle)
        .get("/api/user/stats", stats::handle)
        .get("/api/user/usage", usage::handle)
        .get("/api/user/export", export::handle)
}
