//! What stands beside the API: health, and whatever no other function answers.

mod health;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use app::Need;
use web::Routes;

/// What this function cannot do without: all that the deep health check looks at.
pub const NEEDS: &[Need] =
    &[Need::Database, Need::Redis, Need::Tokens, Need::Queue, Need::Table, Need::Gemini];

/// The routes outside `/api`.
pub fn routes() -> Routes {
    LazyLock::force(&health::STARTED);
    Routes::new().get("/health", health::handle)
}
