//! The trace and the request that an answer belongs to: in the row and in the job.

use domain::RequestOrigin;
use serde_json::json;
use testkit::{TestApp, TestUser};

use super::start;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn parent() -> String {
    format!("00-{TRACE}-00f067aa0c1902b7-01")
}

/// Posts to `path` with the header `traceparent`, and returns the origin of its job and its own id.
async fn post(app: &TestApp, user: &TestUser, path: &str, traceparent: &str) -> (RequestOrigin, String) {
    let request = app.request("POST", path).by(user).header("traceparent", traceparent);
    let response = request.json(json!({ "content": "hello" })).send().await;
    assert!(response.status.is_success(), "{response}");
    let own = response.header("x-request-id").unwrap().to_owned();
    (app.queue.origins().pop().unwrap().unwrap(), own)
}

async fn stored(app: &TestApp, column: &str) -> String {
    app.query_value(&format!("SELECT {column} FROM generations ORDER BY position DESC LIMIT 1")).await
}

#[tokio::test]
async fn answer_joins_the_trace_of_the_request() {
    let app = start().await;
    let user = app.user().await;
    let path = format!("/api/chatroom/{}/message", app.create_chatroom(&user).await);

    let (origin, own) = post(&app, &user, &path, &parent()).await;

    assert_eq!(origin.trace.trace_id(), TRACE);
    assert_ne!(origin.trace.span_id(), "00f067aa0c1902b7", "the request is an operation of its own");
    assert_eq!(origin.request_id.as_ref(), Some(&own));
    assert_eq!(stored(&app, "traceparent").await, origin.trace.to_string());
    assert_eq!(stored(&app, "request_id").await, own);
}

#[tokio::test]
async fn invalid_traceparent_begins_a_new_trace() {
    let app = start().await;
    let user = app.user().await;
    let path = format!("/api/chatroom/{}/message", app.create_chatroom(&user).await);
    for invalid in
        ["", "00-zz-00f067aa0c1902b7-01", &format!("ff-{TRACE}-00f067aa0c1902b7-01"), &"0".repeat(9_000)]
    {
        let (origin, _) = post(&app, &user, &path, invalid).await;
        assert_ne!(origin.trace.trace_id(), TRACE);
        assert!(origin.trace.is_sampled());
    }
}

#[tokio::test]
async fn id_of_the_client_is_not_that_of_the_answer() {
    let app = start().await;
    let user = app.user().await;
    let path = format!("/api/chatroom/{}/message", app.create_chatroom(&user).await);
    let request = app.request("POST", &path).by(&user).header("x-request-id", "mine");
    let _ = request.json(json!({ "content": "hello" })).send().await.expect(201);
    assert_ne!(stored(&app, "request_id").await, "mine");
}

#[tokio::test]
async fn edits_and_other_answers_have_the_origins_of_their_requests() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let id = app.send_message(&user, &chatroom, "hello").await;
    app.execute("UPDATE generations SET status = 'failed', error_code = 'internal', sweep_at = NULL").await;
    for action in ["regenerate", "edit"] {
        let path = format!("/api/chatroom/message/{id}/{action}");
        let (origin, _) = post(&app, &user, &path, &parent()).await;
        assert_eq!(origin.trace.trace_id(), TRACE, "{action}");
        assert_eq!(stored(&app, "traceparent").await, origin.trace.to_string(), "{action}");
        app.execute("UPDATE generations SET traceparent = NULL").await;
    }
}

#[tokio::test]
async fn retry_moves_the_answer_to_its_trace() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let id = app.send_message(&user, &chatroom, "hello").await;
    app.execute("UPDATE generations SET status = 'failed', error_code = 'internal', sweep_at = NULL").await;
    let (origin, own) = post(&app, &user, &format!("/api/chatroom/message/{id}/retry"), &parent()).await;
    assert_eq!(origin.trace.trace_id(), TRACE);
    assert_eq!(stored(&app, "traceparent").await, origin.trace.to_string());
    assert_eq!(stored(&app, "request_id").await, own);
}
