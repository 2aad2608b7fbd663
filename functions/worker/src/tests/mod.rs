//! The worker in this process, with real Postgres and Redis and a scripted queue and model.

mod answering;
mod branches;
mod deliveries;
mod leases;
mod live_text;
mod metrics;
mod model_rate_limiter;
mod models;
mod no_answer;
mod paused;
mod records;
mod spending;
mod stopping;
mod title_limits;
mod titles;
mod traces;
mod waiting;

use std::time::Duration;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use clients::gemini::GenerateError;
use lambda_runtime::{Context, LambdaEvent};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use testkit::{TestApp, TestUser, event};

/// An application whose chatrooms and messages are created through the API.
async fn start() -> TestApp {
    TestApp::serving(chatroom::routes()).start().await
}

/// Delivers messages of one chatroom in one batch, `time_left` before the function's deadline.
/// Returns the ids that SQS must deliver again.
async fn deliver_with_time_left(app: &TestApp, ids: &[&str], time_left: Duration) -> Vec<String> {
    let record = event("worker-answer-message")["Records"][0].clone();
    let records: Vec<Value> = ids
        .iter()
        .map(|id| {
            let mut record = record.clone();
            record["messageId"] = json!(id);
            record["receiptHandle"] = json!(format!("receipt of {id}"));
            record["body"] =
                json!(json!({ "version": 1, "type": "answer_message", "message_id": id }).to_string());
            record
        })
        .collect();
    let payload = serde_json::from_value(json!({ "Records": records })).unwrap();
    let mut context = Context::default();
    let deadline = app.app.clock.now() + time_left;
    context.deadline = u64::try_from(deadline.timestamp_millis()).unwrap();
    let response: SqsBatchResponse = crate::handle(&app.app, LambdaEvent::new(payload, context)).await;
    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

async fn deliver(app: &TestApp, ids: &[&str]) -> Vec<String> {
    deliver_with_time_left(app, ids, Duration::from_mins(5)).await
}

async fn status(app: &TestApp, user: &TestUser, id: &str) -> Value {
    let path = format!("/api/chatroom/message/{id}/status");
    app.request("GET", &path).by(user).send().await.expect(200).body["message"].clone()
}

/// Sends a message in a new chatroom of a new user.
async fn sent(app: &TestApp, content: &str) -> (TestUser, String, String) {
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let id = app.send_message(&user, &chatroom, content).await;
    (user, chatroom, id)
}

/// Moves the times in the rate limiter's state of `model` back by `duration`: Redis measures time
/// by its own clock, which a test cannot move.
async fn rewind(app: &TestApp, model: &str, duration: Duration) {
    const SCRIPT: &str = "
        for _, field in ipairs({'paused_until', 'open_until', 'probe_until', 'refused_until', 'line'}) do
            if redis.call('HEXISTS', KEYS[1], field) == 1 then
                redis.call('HINCRBY', KEYS[1], field, -ARGV[1])
            end
        end";
    let client = redis::Client::open(app.app.config.redis_url.expose_secret()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut command = redis::cmd("EVAL");
    command.arg(SCRIPT).arg(1).arg(format!("gemini:{{{model}}}:state"));
    let milliseconds = u64::try_from(duration.as_millis()).unwrap();
    command.arg(milliseconds).exec_async(&mut connection).await.unwrap();
}

fn overloaded() -> GenerateError {
    GenerateError::Overloaded { status: 503, retry_delay: None }
}
