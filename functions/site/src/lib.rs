//! What stands beside the API: health, and whatever no other function answers.

mod health;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use app::{App, Need};
use axum::Router;
use axum::routing::get;

/// What this function cannot do without: all that the deep health check looks at.
pub const NEEDS: &[Need] =
    &[Need::Database, Need::Redis, Need::Tokens, Need::Queue, Need::Table, Need::Gemini];

/// The routes outside `/api`.
pub fn routes() -> Router<App> {
    LazyLock::force(&health::STARTED);
    Router::new().route("/health", get(health::handle))
}
