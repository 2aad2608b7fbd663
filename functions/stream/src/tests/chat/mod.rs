//! The routes of the AI SDK.

mod ending;
mod refusals;
mod resuming;
mod submitting;
mod versions;

use serde_json::{Value, json};
use testkit::{EventStream, RequestBuilder, Response, TestApp, TestUser};

use super::{deliver, start};

/// The chat of most tests: an id that a page has made.
const CHAT: &str = "Vh8sP2qLx0aYtR4e";

/// What `useChat` posts: the whole conversation, here with an earlier answer that is not read.
fn body(chat: &str, message: &str, text: &str) -> Value {
    let earlier = json!({ "id": "a", "role": "assistant", "metadata": { "any": 1 }, "parts": [
        { "type": "step-start" },
        { "type": "text", "text": "An earlier answer", "state": "done", "providerMetadata": { "x": [null] } },
    ] });
    let last = json!({ "id": message, "role": "user", "parts": [{ "type": "text", "text": text }] });
    json!({ "id": chat, "messages": [earlier, last], "trigger": "submit-message" })
}

/// The body of another answer, or with `edited` of an edited question.
fn with(mut body: Value, field: &str, value: &str) -> Value {
    body[field] = json!(value);
    body
}

fn post<'a>(app: &'a TestApp, user: &TestUser, body: Value) -> RequestBuilder<'a> {
    app.request("POST", "/api/chat").by(user).json(body)
}

/// Posts `body`, whose answer must be streamed.
async fn open(app: &TestApp, user: &TestUser, body: Value) -> EventStream {
    let stream = post(app, user, body).open().await;
    assert_eq!(stream.status, 200);
    stream
}

fn resume<'a>(app: &'a TestApp, user: &TestUser, chat: &str) -> RequestBuilder<'a> {
    app.request("GET", &format!("/api/chat/{chat}/stream")).by(user)
}

/// Posts a question that must be new, lets the worker answer it, and reads the stream to its end.
async fn ask(app: &TestApp, user: &TestUser, body: Value) -> Vec<Value> {
    let before = app.queue.sent().len();
    let mut stream = open(app, user, body).await;
    assert_eq!(app.queue.sent().len(), before + 1);
    let generation = last_job(app);
    let (chunks, ()) = tokio::join!(rest(&mut stream), deliver(app, &generation));
    chunks
}

/// The generation whose job was sent last.
fn last_job(app: &TestApp) -> String {
    app.queue.sent().last().unwrap().1.to_string()
}

async fn rest(stream: &mut EventStream) -> Vec<Value> {
    stream.rest().await.into_iter().map(|event| event.data).collect()
}

/// The next chunk that is not transient.
async fn next(stream: &mut EventStream) -> Value {
    loop {
        let chunk = stream.next().await.expect("another chunk").data;
        if chunk["transient"] != true {
            return chunk;
        }
    }
}

/// The types of the chunks that are not transient; of `[DONE]` itself.
fn types(chunks: &[Value]) -> Vec<&str> {
    let lasting = chunks.iter().filter(|chunk| chunk["transient"] != true);
    lasting.map(|chunk| chunk["type"].as_str().or(chunk.as_str()).unwrap()).collect()
}

fn text(chunks: &[Value]) -> String {
    chunks.iter().filter_map(|chunk| chunk["delta"].as_str()).collect()
}

/// The problem document in the last chunk, an error.
fn problem(chunks: &[Value]) -> Value {
    let last = chunks.last().unwrap();
    assert_eq!(last["type"], "error", "{last}");
    serde_json::from_str(last["errorText"].as_str().unwrap()).unwrap()
}

/// An id in the metadata of the first chunk.
fn id_of(chunks: &[Value], name: &str) -> String {
    assert_eq!(chunks[0]["type"], "start");
    chunks[0]["messageMetadata"][name].as_str().unwrap().to_owned()
}

async fn count(app: &TestApp, what: &str) -> i64 {
    app.query_value(&format!("SELECT count(*) FROM {what}")).await
}

async fn used(app: &TestApp, user: &TestUser) -> i32 {
    let sql =
        format!("SELECT coalesce(sum(messages), 0)::integer FROM daily_usage WHERE user_id = '{}'", user.id);
    app.query_value(&sql).await
}

/// Sends `body`, which must be refused as invalid.
async fn refused(app: &TestApp, user: &TestUser, body: Value) -> Response {
    post(app, user, body).send().await.expect_problem(400, "validation_failed")
}
