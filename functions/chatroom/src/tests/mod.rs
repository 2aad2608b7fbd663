//! The routes, in this process, on real Postgres and Redis.

mod idempotency;
mod isolation;
mod quota;
mod rooms;
mod search;
mod sending;
mod steering;

use testkit::TestApp;

async fn start() -> TestApp {
    TestApp::serving(crate::routes()).start().await
}
