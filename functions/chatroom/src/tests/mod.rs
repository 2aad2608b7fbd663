//! The routes, in this process, on real Postgres and Redis.

mod idempotency;
mod isolation;
mod owner_actions;
mod quota;
mod rooms;
mod search;
mod sending;

use testkit::TestApp;

async fn start() -> TestApp {
    TestApp::serving(crate::routes()).start().await
}
