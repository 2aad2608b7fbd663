//! Stopping an answer at each moment.

use std::time::Duration;

use clients::gemini::{FinishReason, GenerateError, TokenUsage};
use serde_json::{Value, json};
use store::generations::account;
use store::generations::claiming::{self, Claim};
use testkit::{TestApp, TestUser};
use uuid::Uuid;

use super::{deliver, overloaded, sent, start, status};

async fn cancel(app: &TestApp, user: &TestUser, id: &str) -> Value {
    let path = format!("/api/chatroom/message/{id}/cancel");
    app.request("POST", &path).by(user).send().await.expect(200).body["message"].clone()
}

/// Sets the request to stop as the API does, but notifies no worker.
async fn request_silently(app: &TestApp) {
    app.execute("UPDATE generations SET cancel_requested_at = now()").await;
}

async fn used(app: &TestApp) -> i32 {
    app.query_value("SELECT messages FROM daily_usage").await
}

/// Delivers the message, and cancels it once the model was called. Returns the response.
async fn cancel_during_the_call(app: &TestApp, user: &TestUser, id: &str) -> Value {
    let ids = [id];
    let delivery = deliver(app, &ids);
    let cancelling = async {
        app.model.wait_for_calls(1).await;
        cancel(app, user, id).await
    };
    let (failures, message) = tokio::join!(delivery, cancelling);
    assert!(failures.is_empty());
    app.model.release();
    message
}

/// Sends another message to the chatroom, whose answer must not be held up.
async fn assert_next_is_answered(app: &TestApp, user: &TestUser, chatroom: &str) {
    let id = app.send_message(user, chatroom, "next").await;
    assert!(deliver(app, &[&id]).await.is_empty());
    assert_eq!(status(app, user, &id).await["reply"]["content"], "Echo: next");
    let unfinished = "SELECT count(*) FROM generations WHERE sweep_at IS NOT NULL OR lease_slot IS NOT NULL";
    assert_eq!(app.query_value::<i64>(unfinished).await, 0);
}

#[tokio::test]
async fn text_so_far_is_kept_as_the_answer_and_charged() {
    let app = start().await;
    let (user, chatroom, id) = sent(&app, "hello").await;
    app.model.hold_in_mid_text();
    let message = cancel_during_the_call(&app, &user, &id).await;
    assert_eq!(message["processing_status"], "cancelled");
    let message = status(&app, &user, &id).await;
    assert_eq!(message["processing_status"], "cancelled");
    assert_eq!(
        (&message["reply"]["content"], &message["reply"]["finish_reason"]),
        (&json!("Echo:"), &json!("cancelled"))
    );
    assert_eq!(used(&app).await, 1);
    assert_eq!(app.query_value::<i64>("SELECT prompt_tokens + response_tokens FROM daily_usage").await, 10);
    assert_next_is_answered(&app, &user, &chatroom).await;
    // The text is part of the history.
    assert_eq!(app.model.prompts()[1].turns[1].text, "Echo:");
    let again = app.request("POST", &format!("/api/chatroom/message/{id}/cancel")).by(&user).send().await;
    assert_eq!(again.expect_problem(409, "wrong_state").body["processing_status"], "cancelled");
}

#[tokio::test]
async fn stop_before_the_first_text_leaves_no_answer_and_is_charged() {
    let app = start().await;
    let (user, chatroom, id) = sent(&app, "hello").await;
    app.model.hold();
    let message = cancel_during_the_call(&app, &user, &id).await;
    assert_eq!(message["processing_status"], "cancelled");
    assert_eq!(status(&app, &user, &id).await["reply"], Value::Null);
    assert_eq!((used(&app).await, app.model.prompts().len()), (1, 1));
    assert_next_is_answered(&app, &user, &chatroom).await;
}

#[tokio::test]
async fn stop_without_redis_is_read_from_postgres() {
    // Nothing listens on port 1.
    let builder = TestApp::serving(chatroom::routes()).var("REDIS_URL", "redis://127.0.0.1:1");
    let app = builder.start().await;
    let (user, chatroom, id) = sent(&app, "hello").await;
    app.model.hold_in_mid_text();
    let _ = cancel_during_the_call(&app, &user, &id).await;
    let message = status(&app, &user, &id).await;
    assert_eq!(
        (&message["processing_status"], &message["reply"]["content"]),
        (&json!("cancelled"), &json!("Echo:"))
    );
    assert_next_is_answered(&app, &user, &chatroom).await;
}

#[tokio::test]
async fn request_that_reaches_only_postgres_is_found_by_a_renewal_of_the_lease() {
    let app = TestApp::serving(chatroom::routes()).var("WORKER_LEASE_MS", "2000").start().await;
    let (user, _, id) = sent(&app, "hello").await;
    app.model.hold_in_mid_text();
    let ids = [id.as_str()];
    let requesting = async {
        app.model.wait_for_calls(1).await;
        request_silently(&app).await;
    };
    let (failures, ()) = tokio::join!(deliver(&app, &ids), requesting);
    assert!(failures.is_empty());
    assert_eq!(status(&app, &user, &id).await["reply"]["content"], "Echo:");
}

#[tokio::test]
async fn whole_answer_that_arrives_after_the_request_is_cancelled_too() {
    let app = start().await;
    let (user, chatroom, id) = sent(&app, "hello").await;
    app.model.hold();
    let ids = [id.as_str()];
    let requesting = async {
        app.model.wait_for_calls(1).await;
        request_silently(&app).await;
        app.model.release();
    };
    let (failures, ()) = tokio::join!(deliver(&app, &ids), requesting);
    assert!(failures.is_empty());
    let message = status(&app, &user, &id).await;
    assert_eq!(message["processing_status"], "cancelled");
    assert_eq!(
        (&message["reply"]["content"], &message["reply"]["finish_reason"]),
        (&json!("Echo: hello"), &json!("cancelled"))
    );
    assert_next_is_answered(&app, &user, &chatroom).await;
}

#[tokio::test]
async fn attempt_that_fails_after_the_request_is_cancelled_and_refunded() {
    // With attempts left and without.
    for earlier_attempts in [0, 2] {
        let app = start().await;
        let (user, chatroom, id) = sent(&app, "hello").await;
        app.execute(&format!("UPDATE generations SET attempts = {earlier_attempts}")).await;
        app.model.hold();
        app.model.fail_with(overloaded());
        let ids = [id.as_str()];
        let requesting = async {
            app.model.wait_for_calls(1).await;
            request_silently(&app).await;
            app.model.release();
        };
        let (failures, ()) = tokio::join!(deliver(&app, &ids), requesting);
        assert!(failures.is_empty());
        let message = status(&app, &user, &id).await;
        assert_eq!(
            (&message["processing_status"], &message["error_code"]),
            (&json!("cancelled"), &Value::Null)
        );
        assert_eq!(used(&app).await, 0);
        assert_next_is_answered(&app, &user, &chatroom).await;
    }
}

#[tokio::test]
async fn stop_between_attempts_is_refunded() {
    let app = start().await;
    let (user, chatroom, id) = sent(&app, "hello").await;
    app.model.fail_after("half an answer", overloaded());
    assert_eq!(deliver(&app, &[&id]).await, [id.as_str()]);
    assert_eq!(cancel(&app, &user, &id).await["processing_status"], "cancelled");
    assert_eq!(used(&app).await, 0);
    app.advance(Duration::from_secs(10));
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_next_is_answered(&app, &user, &chatroom).await;
}

/// Sends a message whose first attempt gets an answer without text, and then none at all.
async fn sent_and_answered_without_text(app: &TestApp) -> (TestUser, String) {
    let (user, _, id) = sent(app, "hello").await;
    let usage = TokenUsage { prompt_tokens: 100, ..TokenUsage::default() };
    app.model.fail_with(GenerateError::NoAnswer { finish_reason: FinishReason::Stop, usage });
    app.model.fail_with(overloaded());
    assert_eq!(deliver(app, &[&id]).await, [id.as_str()]);
    (user, id)
}

#[tokio::test]
async fn stop_after_an_answer_without_text_keeps_the_unit() {
    let app = start().await;
    let (user, id) = sent_and_answered_without_text(&app).await;
    assert_eq!(cancel(&app, &user, &id).await["processing_status"], "cancelled");
    assert_eq!(used(&app).await, 1, "the model has worked for it");
}

#[tokio::test]
async fn suspension_after_an_answer_without_text_keeps_the_unit() {
    let app = start().await;
    let (user, _) = sent_and_answered_without_text(&app).await;
    let (db, now) = (app.app.db().await.unwrap(), app.app.clock.now());
    assert_eq!(account::cancel_all(&db, user.id, now).await.unwrap(), 1);
    assert_eq!(used(&app).await, 1, "the model has worked for it");
}

#[tokio::test]
async fn message_of_a_dead_worker_is_cancelled_by_the_next() {
    let app = start().await;
    let (user, chatroom, id) = sent(&app, "hello").await;
    let (db, now) = (app.app.db().await.unwrap(), app.app.clock.now());
    let until = now + Duration::from_secs(20);
    let claim = claiming::claim_next(&db, id.parse().unwrap(), Uuid::new_v4(), now, until).await.unwrap();
    assert!(matches!(claim, Claim::Claimed(_)), "{claim:?}");
    // The worker does not react.
    assert_eq!(cancel(&app, &user, &id).await["processing_status"], "processing");
    app.advance(Duration::from_secs(21));
    assert!(deliver(&app, &[&id]).await.is_empty());
    let message = status(&app, &user, &id).await;
    assert_eq!((&message["processing_status"], &message["reply"]), (&json!("cancelled"), &Value::Null));
    assert_eq!((used(&app).await, app.model.prompts().len()), (1, 0));
    assert_next_is_answered(&app, &user, &chatroom).await;
}

#[tokio::test]
async fn retried_message_is_not_stopped_by_an_old_request() {
    let app = start().await;
    let (user, _, id) = sent(&app, "hello").await;
    // As the previous release leaves it, which does not know requests to stop.
    app.execute("UPDATE generations SET status = 'failed', error_code = 'timeout', sweep_at = NULL").await;
    request_silently(&app).await;
    let _ =
        app.request("POST", &format!("/api/chatroom/message/{id}/retry")).by(&user).send().await.expect(200);
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(status(&app, &user, &id).await["processing_status"], "completed");
}
