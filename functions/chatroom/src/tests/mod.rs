//! The endpoints, in this process, on real Postgres and Redis.

mod chatrooms;
mod conversations;
mod feedback;
mod idempotency;
mod isolation;
mod metrics;
mod models;
mod owner_actions;
mod paused;
mod quota;
mod searching;
mod sending;
mod sorting;
mod traces;
mod views;

use testkit::TestApp;

async fn start() -> TestApp {
    TestApp::serving(crate::routes()).start().await
}

/// Stores an incomplete answer to `question` at the end of its chatroom, and returns its id.
async fn answer(app: &TestApp, question: &str) -> String {
    let id = domain::MessageId::new(app.app.clock.now());
    app.execute(&format!(
        "WITH answer AS (
            INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status, reply_to,
                model, finish_reason, created_at, updated_at)
            SELECT '{id}', chatroom_id, user_id, position + 1, 'ai', 'an answer', 'completed', id,
                'a-model', 'max_tokens', created_at, created_at
            FROM messages WHERE id = '{question}'
            RETURNING chatroom_id, position
        )
        UPDATE chatrooms c SET last_position = answer.position FROM answer WHERE c.id = answer.chatroom_id"
    ))
    .await;
    app.execute(&format!(
        "UPDATE messages SET processing_status = 'completed', sweep_at = NULL WHERE id = '{question}'"
    ))
    .await;
    id.to_string()
}
