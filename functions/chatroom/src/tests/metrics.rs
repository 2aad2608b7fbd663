//! What requests for answers count.

use serde_json::json;

use super::start;

#[tokio::test]
async fn accepted_and_refused_messages_are_counted() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(json!(app.send_message(&user, &chatroom, "hello").await));
    }
    let path = format!("/api/chatroom/{chatroom}/message");
    let request = app.request("POST", &path).by(&user).json(json!({ "content": "one more" }));
    let _ = request.send().await.expect_problem(429, "daily_quota_exhausted");
    let accepted = app.metrics.lines("MessagesAccepted");
    assert_eq!(accepted.iter().map(|line| line["message.id"].clone()).collect::<Vec<_>>(), ids);
    let refused = app.metrics.lines("QuotaRefusals");
    assert_eq!((refused.len(), &refused[0]["Reason"]), (1, &json!("daily_messages")));
    assert_eq!(app.metrics.names().len(), 6);
}

#[tokio::test]
async fn repeated_request_is_counted_once() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    for _ in 0..2 {
        let path = format!("/api/chatroom/{chatroom}/message");
        let request = app.request("POST", &path).by(&user).header("idempotency-key", &chatroom);
        let _ = request.json(json!({ "content": "hello" })).send().await.expect(201);
    }
    assert_eq!(app.metrics.names(), ["MessagesAccepted"]);
}

#[tokio::test]
async fn job_that_cannot_be_queued_is_counted() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    app.queue.fail_requests();
    app.send_message(&user, &chatroom, "hello").await;
    assert_eq!(app.metrics.names(), ["MessagesAccepted", "EnqueueFailures"]);
}
