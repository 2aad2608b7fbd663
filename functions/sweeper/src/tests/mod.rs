//! Tests of the sweeper in this process, with real Postgres and Redis and fake queues.

mod cancel;
mod dead_letters;
mod idle;
mod purge;
mod resend;
mod search_backfill;
mod spending;
mod titles;

use std::time::Duration;

use serde_json::json;
use testkit::{TestApp, TestUser};

const MINUTE: Duration = Duration::from_mins(1);

async fn start() -> TestApp {
    TestApp::serving(chatroom::routes()).start().await
}

/// Sends a message in a new chatroom of a new user. Returns the user and the message's id.
async fn send_message(app: &TestApp) -> (TestUser, String) {
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let id = app.send_message(&user, &chatroom, "hello").await;
    (user, id)
}

/// The payload of the job for the message `id`.
fn job(id: &str) -> String {
    json!({ "version": 1, "type": "answer_message", "message_id": id }).to_string()
}
