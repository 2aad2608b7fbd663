//! The endpoints, in this process, on real Postgres and Redis.

mod chatrooms;
mod conversations;
mod idempotency;
mod isolation;
mod owner_actions;
mod quota;
mod searching;
mod sending;
mod views;

use testkit::TestApp;

async fn start() -> TestApp {
    TestApp::serving(crate::routes()).start().await
}
