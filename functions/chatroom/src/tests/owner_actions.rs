//! Stopping a message, and having one answered again.

use futures::future::join_all;
use serde_json::json;
use testkit::{Answer, Person, TestApp};

use super::start;

async fn sent(app: &TestApp) -> (Person, String) {
    let person = app.person().await;
    let room = app.room(&person).await;
    let id = app.message(&person, &room, "hello").await;
    (person, id)
}

async fn ask(app: &TestApp, person: &Person, id: &str, what: &str) -> Answer {
    app.request("POST", &format!("/api/chatroom/message/{id}/{what}")).by(person).send().await
}

async fn used(app: &TestApp) -> i32 {
    app.stored("SELECT messages FROM daily_usage").await
}

/// As the worker leaves a message that it gives up.
async fn fail(app: &TestApp) {
    app.execute("UPDATE messages SET processing_status = 'failed', error_code = 'timeout', attempts = 3")
        .await;
    app.execute("UPDATE daily_usage SET messages = messages - 1").await;
}

#[tokio::test]
async fn a_waiting_message_is_stopped_and_its_unit_given_back() {
    let app = start().await;
    let (person, id) = sent(&app).await;
    let answer = ask(&app, &person, &id, "cancel").await.expect(200);
    assert_eq!(answer.body["message"]["processing_status"], "cancelled");
    assert_eq!(used(&app).await, 0);
    let again = ask(&app, &person, &id, "cancel").await.expect_problem(409, "wrong_state");
    assert_eq!(again.body["processing_status"], "cancelled");
    assert_eq!(used(&app).await, 0);
}

#[tokio::test]
async fn a_message_that_a_worker_holds_is_taken_from_it() {
    let app = start().await;
    let (person, id) = sent(&app).await;
    app.execute("UPDATE messages SET processing_status = 'processing', lease_owner = gen_random_uuid()")
        .await;
    let _ = ask(&app, &person, &id, "cancel").await.expect(200);
    assert!(app.stored::<bool>("SELECT lease_owner IS NULL FROM messages").await);
}

#[tokio::test]
async fn a_failed_message_is_answered_again_for_a_unit_of_quota() {
    let app = start().await;
    let (person, id) = sent(&app).await;
    fail(&app).await;
    let answer = ask(&app, &person, &id, "retry").await.expect(200);
    let (message, queue_status) = (&answer.body["message"], &answer.body["queue_status"]);
    assert_eq!((&message["processing_status"], queue_status), (&json!("pending"), &json!("queued")));
    assert_eq!(answer.header("x-quota-remaining"), Some("4"));
    assert_eq!(app.queue.resends(), [0, 1]);
    assert_eq!(app.stored::<i32>("SELECT attempts FROM messages").await, 0);
    assert!(app.stored::<bool>("SELECT error_code IS NULL FROM messages").await);
}

#[tokio::test]
async fn parallel_retries_count_once() {
    let app = start().await;
    let (person, id) = sent(&app).await;
    fail(&app).await;
    let answers = join_all((0..10).map(|_| ask(&app, &person, &id, "retry"))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 409).count(), 9);
    assert_eq!(used(&app).await, 1);
}

#[tokio::test]
async fn a_retry_is_refused_when_the_quota_is_used_up() {
    let app = start().await;
    let (person, id) = sent(&app).await;
    fail(&app).await;
    app.execute("UPDATE daily_usage SET messages = 5").await;
    let _ = ask(&app, &person, &id, "retry").await.expect_problem(429, "daily_quota_exhausted");
    assert_eq!(app.stored::<String>("SELECT processing_status FROM messages").await, "failed");
}

#[tokio::test]
async fn only_what_failed_is_answered_again_and_only_for_its_owner() {
    let app = start().await;
    let (person, id) = sent(&app).await;
    let _ = ask(&app, &person, &id, "retry").await.expect_problem(409, "wrong_state");
    let other = app.person().await;
    fail(&app).await;
    for what in ["retry", "cancel"] {
        let _ = ask(&app, &other, &id, what).await.expect_problem(404, "not_found");
        let _ = ask(&app, &person, "nonsense", what).await.expect_problem(404, "not_found");
    }
    assert_eq!(used(&app).await, 0);
}
