//! The stream in this process, on real Postgres and Redis. The worker is the real one, or a writer of
//! its entries where a test needs to stop between two of them.

mod chat;
mod ending;
mod metrics;
mod reading;
mod resuming;
mod without_redis;

use std::time::Duration;

use clients::redis::live_text::LiveTextWriter;
use domain::GenerationId;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use testkit::{EventStream, RequestBuilder, ServerSentEvent, TestApp, TestAppBuilder, TestUser, event};
use web::{RoutePolicy, Routes};

use crate::live_body::Timing;
use crate::{resume_chat, send_chat_message, stream_answer};

/// An interval of signs of life that no test waits for twice.
const OFTEN: Duration = Duration::from_millis(20);

fn routes(timing: Timing) -> Routes {
    let routes = Routes::new()
        .endpoint::<stream_answer::__path_handle, _, _>(RoutePolicy::Standard, stream_answer::handle)
        .endpoint::<send_chat_message::__path_handle, _, _>(
            RoutePolicy::Conversation,
            send_chat_message::handle,
        )
        .endpoint::<resume_chat::__path_handle, _, _>(RoutePolicy::Standard, resume_chat::handle);
    chatroom::routes().merge(routes.shared(timing))
}

fn building(timing: Timing) -> TestAppBuilder {
    TestApp::serving(routes(timing))
}

async fn start() -> TestApp {
    building(Timing::default()).start().await
}

async fn start_with_frequent_heartbeats() -> TestApp {
    building(Timing { heartbeat: OFTEN }).start().await
}

/// Sends a message in a new chatroom of a new user.
async fn sent(app: &TestApp) -> (TestUser, String) {
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let id = app.send_message(&user, &chatroom, "hello").await;
    (user, id)
}

fn request<'a>(app: &'a TestApp, user: &TestUser, id: &str) -> RequestBuilder<'a> {
    app.event("stream-answer", Some(user), Some(id))
}

/// Opens a stream, which must be one.
async fn open(app: &TestApp, user: &TestUser, id: &str, last_event_id: Option<&str>) -> EventStream {
    let mut request = request(app, user, id);
    if let Some(last) = last_event_id {
        request = request.header("last-event-id", last);
    }
    let stream = request.open().await;
    assert_eq!(stream.status, 200);
    stream
}

/// Lets the worker process a message once.
async fn deliver(app: &TestApp, id: &str) {
    let mut record = event("worker-answer-message")["Records"][0].clone();
    let body = json!({ "version": 1, "type": "answer_message", "message_id": id }).to_string();
    (record["messageId"], record["body"]) = (json!(id), json!(body));
    let payload = serde_json::from_value(json!({ "Records": [record] })).unwrap();
    let mut context = Context::default();
    let deadline = app.app.clock.now() + Duration::from_mins(5);
    context.deadline = u64::try_from(deadline.timestamp_millis()).unwrap();
    let _ = worker::handle(&app.app, LambdaEvent::new(payload, context)).await;
}

/// Claims the message's first generation as a worker does, and returns what this worker writes to.
async fn claim(app: &TestApp, id: &str, fence: u64) -> LiveTextWriter {
    let lease = "lease_owner = gen_random_uuid(), lease_until = now() + interval '1 hour'";
    app.execute(&format!(
        "UPDATE generations SET status = 'processing', fence = {fence}, {lease} WHERE id = '{id}'"
    ))
    .await;
    let generation: GenerationId = id.parse().unwrap();
    LiveTextWriter::new(app.app.redis.clone(), generation, fence)
}

/// Sends a message, and lets a worker claim it and write `text`.
async fn begun(app: &TestApp, text: &str) -> (TestUser, String, LiveTextWriter) {
    let (user, id) = sent(app).await;
    let mut writer = claim(app, &id, 1).await;
    flush(&mut writer, text).await;
    (user, id, writer)
}

async fn flush(writer: &mut LiveTextWriter, text: &str) {
    writer.push(text);
    writer.flush().await.unwrap();
}

/// Stores an answer to the message, as a worker does before it writes the end.
async fn store_answer(app: &TestApp, id: &str, text: &str) {
    let answer = uuid::Uuid::new_v4();
    app.execute(&format!(
        "INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status,
            generation_id, reply_to, model, finish_reason, created_at, updated_at)
        SELECT '{answer}', chatroom_id, user_id, position + 1, 'ai', '{text}', 'completed', '{id}', '{id}',
            'a-model', 'stop', now(), now() FROM messages WHERE id = '{id}';
        UPDATE generations SET status = 'completed', lease_owner = NULL, lease_until = NULL, sweep_at = NULL
        WHERE id = '{id}'"
    ))
    .await;
}

/// The text that a client shows after `events`.
fn text(events: &[ServerSentEvent]) -> String {
    events.iter().fold(String::new(), |text, event| match event.event.as_str() {
        "delta" => text + event.data["text"].as_str().unwrap(),
        "restart" => String::new(),
        _ => text,
    })
}

fn names(events: &[ServerSentEvent]) -> Vec<&str> {
    events.iter().map(|event| event.event.as_str()).collect()
}

fn state(event: &ServerSentEvent) -> &Value {
    assert_eq!(event.event, "status");
    &event.data["processing_status"]
}
