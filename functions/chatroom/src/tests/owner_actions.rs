//! Cancelling a message, and retrying a failed one.

use clients::redis::live_text::{LiveTextWriter, Signal};
use futures::future::join_all;
use serde_json::json;
use testkit::{Response, TestApp, TestUser};

use super::start;

async fn sent(app: &TestApp) -> (TestUser, String) {
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let id = app.send_message(&user, &chatroom, "hello").await;
    (user, id)
}

async fn act(app: &TestApp, user: &TestUser, id: &str, action: &str) -> Response {
    app.request("POST", &format!("/api/chatroom/message/{id}/{action}")).by(user).send().await
}

async fn used(app: &TestApp) -> i32 {
    app.query_value("SELECT messages FROM daily_usage").await
}

/// Marks the message as failed and refunds it, as the worker does.
pub(super) async fn fail(app: &TestApp) {
    app.execute("UPDATE messages SET processing_status = 'failed', error_code = 'timeout', attempts = 3")
        .await;
    app.execute("UPDATE daily_usage SET messages = messages - 1").await;
}

#[tokio::test]
async fn cancelled_pending_message_is_refunded() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    let response = act(&app, &user, &id, "cancel").await.expect(200);
    assert_eq!(response.body["message"]["processing_status"], "cancelled");
    assert_eq!(used(&app).await, 0);
    let again = act(&app, &user, &id, "cancel").await.expect_problem(409, "wrong_state");
    assert_eq!(again.body["processing_status"], "cancelled");
    assert_eq!(used(&app).await, 0);
}

#[tokio::test]
async fn message_that_is_cancelled_during_the_call_keeps_its_quota_unit() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    app.execute("UPDATE messages SET processing_status = 'processing', attempts = 1").await;
    let _ = act(&app, &user, &id, "cancel").await.expect(200);
    assert_eq!(used(&app).await, 1);
}

#[tokio::test]
async fn no_more_units_are_refunded_a_day_than_the_daily_limit() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    for cancelled in 0..10 {
        let id = app.send_message(&user, &chatroom, "hello").await;
        let _ = act(&app, &user, &id, "cancel").await.expect(200);
        assert_eq!(used(&app).await, (cancelled - 4).max(0));
    }
    let path = format!("/api/chatroom/{chatroom}/message");
    let send = app.request("POST", &path).by(&user).json(json!({ "content": "hello" }));
    let _ = send.send().await.expect_problem(429, "daily_quota_exhausted");
}

/// Gives the message to a worker with this end of its lease, as SQL.
async fn lease_until(app: &TestApp, end: &str) {
    app.execute(&format!(
        "UPDATE generations SET status = 'processing', fence = 1, lease_owner = gen_random_uuid(), lease_slot = 1,
            lease_until = {end}"
    ))
    .await;
}

#[tokio::test]
async fn cancelling_revokes_the_lease_of_a_dead_worker() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    lease_until(&app, "now()").await;
    let response = act(&app, &user, &id, "cancel").await.expect(200);
    assert_eq!(response.body["message"]["processing_status"], "cancelled");
    let is_revoked =
        "SELECT lease_owner IS NULL AND lease_slot IS NULL AND sweep_at IS NULL FROM generations";
    assert!(app.query_value::<bool>(is_revoked).await);
    assert_eq!(used(&app).await, 1);
}

#[tokio::test]
async fn worker_that_writes_the_answer_is_asked_to_stop() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    lease_until(&app, "now() + interval '1 minute'").await;
    let mut writer = LiveTextWriter::new(app.app.redis.clone(), id.parse().unwrap(), 1);
    // The worker does not stop in time, so that a repeated request has the same result.
    for _ in 0..2 {
        let response = act(&app, &user, &id, "cancel").await.expect(200);
        assert_eq!(response.body["message"]["processing_status"], "processing");
        assert_eq!(writer.flush().await.unwrap(), Signal::CancelRequested);
    }
    let is_requested = "SELECT cancel_requested_at IS NOT NULL AND lease_owner IS NOT NULL FROM generations";
    assert!(app.query_value::<bool>(is_requested).await);
    assert_eq!(used(&app).await, 1);
}

#[tokio::test]
async fn retry_of_a_failed_message_costs_a_quota_unit() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    fail(&app).await;
    let response = act(&app, &user, &id, "retry").await.expect(200);
    let (message, queue_status) = (&response.body["message"], &response.body["queue_status"]);
    assert_eq!((&message["processing_status"], queue_status), (&json!("pending"), &json!("queued")));
    assert_eq!(response.header("x-quota-remaining"), Some("4"));
    assert_eq!(app.queue.resends(), [0, 1]);
    assert_eq!(app.query_value::<i32>("SELECT attempts FROM messages").await, 0);
    assert!(app.query_value::<bool>("SELECT error_code IS NULL FROM messages").await);
}

#[tokio::test]
async fn concurrent_retries_are_accepted_once() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    fail(&app).await;
    let responses = join_all((0..10).map(|_| act(&app, &user, &id, "retry"))).await;
    assert_eq!(responses.iter().filter(|response| response.status == 200).count(), 1);
    assert_eq!(responses.iter().filter(|response| response.status == 409).count(), 9);
    assert_eq!(used(&app).await, 1);
}

#[tokio::test]
async fn retry_is_refused_when_the_quota_is_exhausted() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    fail(&app).await;
    app.execute("UPDATE daily_usage SET messages = 5").await;
    let _ = act(&app, &user, &id, "retry").await.expect_problem(429, "daily_quota_exhausted");
    assert_eq!(app.query_value::<String>("SELECT processing_status FROM messages").await, "failed");
}

#[tokio::test]
async fn only_the_owner_retries_and_only_a_failed_message() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    let _ = act(&app, &user, &id, "retry").await.expect_problem(409, "wrong_state");
    let other = app.user().await;
    fail(&app).await;
    for action in ["retry", "cancel"] {
        let _ = act(&app, &other, &id, action).await.expect_problem(404, "not_found");
        let _ = act(&app, &user, "nonsense", action).await.expect_problem(404, "not_found");
    }
    assert_eq!(used(&app).await, 0);
}

#[tokio::test]
async fn switches_of_branches_are_limited() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let message = app.send_message(&user, &chatroom, "hello").await;
    let switch = async || {
        let request = app.request("PUT", &format!("/api/chatroom/{chatroom}/branch")).by(&user);
        request.json(json!({ "message_id": message })).send().await
    };
    for _ in 0..100 {
        let _ = switch().await.expect(200);
    }
    let _ = switch().await.expect_problem(429, "rate_limited");
}
