//! `Idempotency-Key`: a client that sends its request again.

use std::time::Duration;

use domain::Tier;
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, Person, TestApp};
use uuid::Uuid;

use super::start;

/// A person with a room.
async fn begin(app: &TestApp) -> (Person, String) {
    let person = app.person().await;
    let room = app.room(&person).await;
    (person, format!("/api/chatroom/{room}/message"))
}

async fn post(app: &TestApp, person: &Person, path: &str, key: &str, body: Value) -> Answer {
    app.request("POST", path).by(person).header("idempotency-key", key).json(body).send().await
}

async fn messages(app: &TestApp) -> i64 {
    app.stored("SELECT count(*) FROM messages").await
}

/// As a function leaves its record that was killed before it could answer: the one of the path `/api/chatroom`, or of one
/// with an id in it.
async fn forget_the_receipt(app: &TestApp, person: &Person, path: &str, key: &str) {
    let id = path.split('/').find(|part| part.parse::<Uuid>().is_ok());
    let route = id.map_or(path.to_owned(), |id| format!("{}\n{id}", path.replace(id, "{id}")));
    let scope = format!("{}\n{route}\n{key}", person.id);
    app.break_off_operation(&domain::fingerprint::fingerprint(scope.as_bytes())).await;
}

#[tokio::test]
async fn a_request_sent_again_is_answered_again_and_done_once() {
    let app = start().await;
    let (person, path) = begin(&app).await;
    let first = post(&app, &person, &path, "key", json!({ "content": "héllo" })).await.expect(201);
    let again = post(&app, &person, &path, "\"key\"", json!({ "content": "héllo" })).await.expect(201);
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("x-quota-remaining"), first.header("x-quota-remaining"));
    let replayed = |answer: &Answer| answer.header("idempotency-replayed").map(str::to_owned);
    assert_eq!((replayed(&first), replayed(&again)), (None, Some("true".to_owned())));
    assert_eq!((messages(&app).await, app.queue.sent().len()), (1, 1));
    assert_eq!(app.stored::<i32>("SELECT messages FROM daily_usage").await, 1);
}

#[tokio::test]
async fn of_fifty_at_once_one_is_done() {
    let app = start().await;
    let (person, path) = begin(&app).await;
    let sends = (0..50).map(|_| post(&app, &person, &path, "key", json!({ "content": "hello" })));
    let answers = join_all(sends).await;
    let ids: Vec<String> =
        answers.iter().filter(|a| a.status == 201).map(|answer| answer.text("/message/id")).collect();
    assert!(!ids.is_empty() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        let refused = answer.expect_problem(409, "request_in_flight");
        assert!(refused.header("retry-after").is_some());
    }
    assert_eq!(messages(&app).await, 1);
}

#[tokio::test]
async fn a_key_belongs_to_its_body_its_path_and_its_person() {
    let app = start().await;
    let (person, path) = begin(&app).await;
    let (other, others_path) = begin(&app).await;
    let _ = post(&app, &person, &path, "key", json!({ "content": "one" })).await.expect(201);
    let mismatch = post(&app, &person, &path, "key", json!({ "content": "two" })).await;
    let _ = mismatch.expect_problem(422, "idempotency_key_reused");
    let _ = post(&app, &other, &others_path, "key", json!({ "content": "one" })).await.expect(201);
    let second_room = format!("/api/chatroom/{}/message", app.room(&person).await);
    let _ = post(&app, &person, &second_room, "key", json!({ "content": "one" })).await.expect(201);
    assert_eq!(messages(&app).await, 3);
}

#[tokio::test]
async fn a_path_is_the_same_however_its_id_is_spelt() {
    let app = start().await;
    let (person, path) = begin(&app).await;
    let body = json!({ "content": "hello" });
    let first = post(&app, &person, &path, "key", body.clone()).await.expect(201);
    let id = path.split('/').nth(3).unwrap();
    for spelt in [id.to_uppercase(), id.replace('-', ""), id.replacen('0', "%30", 1)] {
        let again = post(&app, &person, &path.replace(id, &spelt), "key", body.clone()).await.expect(201);
        assert_eq!(again.body, first.body, "{spelt}");
    }
    assert_eq!(messages(&app).await, 1);
}

#[tokio::test]
async fn a_key_that_does_not_do_is_refused_by_name() {
    let app = start().await;
    let (person, path) = begin(&app).await;
    for key in ["", " ", "\"\"", "a\u{e9}", "a b", "a\tb", &"x".repeat(256)] {
        let answer = post(&app, &person, &path, key, json!({ "content": "hello" })).await;
        answer.expect_invalid(&["Idempotency-Key"]);
    }
    let _ = post(&app, &person, &path, &"x".repeat(255), json!({ "content": "hello" })).await.expect(201);
    let huge = json!({ "content": "x".repeat(70_000) });
    let _ = post(&app, &person, &path, "huge", huge).await.expect_problem(413, "body_too_large");
}

#[tokio::test]
async fn what_was_refused_is_not_kept() {
    let app = start().await;
    let (person, path) = begin(&app).await;
    let _ = post(&app, &person, &path, "key", json!({ "content": "" })).await.expect(400);
    let _ = post(&app, &person, &path, "key", json!({ "content": "better" })).await.expect(201);
    app.execute("UPDATE daily_usage SET messages = 5").await;
    let body = json!({ "content": "too many" });
    let _ = post(&app, &person, &path, "other", body.clone()).await.expect(429);
    app.set_tier(&person, Tier::Pro).await;
    let _ = post(&app, &person, &path, "other", body).await.expect(201);
}

#[tokio::test]
async fn sending_again_is_charged_to_no_limit_and_no_quota() {
    let app = TestApp::serving(crate::routes()).var("RATE_LIMIT_USER_MAX_REQUESTS", "2").start().await;
    let (person, path) = begin(&app).await;
    let body = json!({ "content": "hello" });
    let _ = post(&app, &person, &path, "key", body.clone()).await.expect(201);
    app.execute("UPDATE daily_usage SET messages = 5").await;
    for _ in 0..3 {
        let _ = post(&app, &person, &path, "key", body.clone()).await.expect(201);
    }
    let _ = post(&app, &person, &path, "fresh", body).await.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn an_execution_that_was_killed_is_taken_over_and_finds_its_work_done() {
    let app = start().await;
    let (person, path) = begin(&app).await;
    let body = json!({ "content": "hello" });
    let first = post(&app, &person, &path, "key", body.clone()).await.expect(201);
    forget_the_receipt(&app, &person, &path, "key").await;
    app.execute("UPDATE daily_usage SET messages = 5").await;

    let _ = post(&app, &person, &path, "key", body.clone()).await.expect_problem(409, "request_in_flight");
    app.advance(Duration::from_secs(40));
    let again = post(&app, &person, &path, "key", body.clone()).await.expect(201);

    assert_eq!(again.text("/message/id"), first.text("/message/id"));
    assert_eq!(messages(&app).await, 1);
    // The worker may never have been told.
    assert_eq!(app.queue.sent().len(), 2);
    let replayed = post(&app, &person, &path, "key", body).await.expect(201);
    assert_eq!(replayed.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn a_take_over_that_is_refused_does_not_forget_what_was_done() {
    let app = start().await;
    let (person, path) = begin(&app).await;
    let body = json!({ "content": "hello" });
    let first = post(&app, &person, &path, "key", body.clone()).await.expect(201);
    forget_the_receipt(&app, &person, &path, "key").await;
    app.advance(Duration::from_secs(40));
    let untyped =
        app.request("POST", &path).by(&person).header("idempotency-key", "key").body(&body.to_string());
    let _ = untyped.send().await.expect(415);
    let again = post(&app, &person, &path, "key", body).await.expect(201);
    assert_eq!(again.text("/message/id"), first.text("/message/id"));
    assert_eq!(messages(&app).await, 1);
}

#[tokio::test]
async fn asking_again_has_a_limit_of_its_own() {
    let app = TestApp::serving(crate::routes()).var("RATE_LIMIT_USER_MAX_REQUESTS", "2").start().await;
    let (person, path) = begin(&app).await;
    let body = json!({ "content": "hello" });
    for _ in 0..=20 {
        let _ = post(&app, &person, &path, "key", body.clone()).await.expect(201);
    }
    let _ = post(&app, &person, &path, "key", body).await.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn a_key_that_does_not_do_is_charged_to_its_address() {
    let app = TestApp::serving(crate::routes()).var("RATE_LIMIT_MAX_REQUESTS", "2").start().await;
    let person = app.person().await;
    let path = "/api/chatroom/018f0000-0000-7000-8000-000000000001/message";
    for _ in 0..2 {
        let _ = post(&app, &person, path, "", json!({ "content": "hello" })).await.expect(400);
    }
    let _ = post(&app, &person, path, "", json!({ "content": "hello" })).await.expect(429);
}

#[tokio::test]
async fn a_retry_of_what_never_failed_is_refused_however_often_it_is_asked_for() {
    let app = start().await;
    let (person, path) = begin(&app).await;
    let sent = post(&app, &person, &path, "send", json!({ "content": "hello" })).await.expect(201);
    let id = sent.text("/message/id");
    let cancel = format!("/api/chatroom/message/{id}/cancel");
    let _ = app.request("POST", &cancel).by(&person).send().await.expect(200);
    let retry = format!("/api/chatroom/message/{id}/retry");
    app.execute("ALTER TABLE daily_usage RENAME TO gone").await;
    let _ = post(&app, &person, &retry, "retry", json!({})).await.expect(500);
    app.execute("ALTER TABLE gone RENAME TO daily_usage").await;
    let _ = post(&app, &person, &retry, "retry", json!({})).await.expect_problem(409, "wrong_state");
}

#[tokio::test]
async fn a_fault_of_ours_lets_the_next_request_take_over_at_once() {
    let app = start().await;
    let (person, path) = begin(&app).await;
    app.execute("ALTER TABLE daily_usage RENAME TO gone").await;
    let body = json!({ "content": "hello" });
    let _ = post(&app, &person, &path, "key", body.clone()).await.expect(500);
    app.execute("ALTER TABLE gone RENAME TO daily_usage").await;
    let _ = post(&app, &person, &path, "key", body).await.expect(201);
    assert_eq!(messages(&app).await, 1);
}

#[tokio::test]
async fn a_receipt_expires_after_a_day() {
    let app = start().await;
    let (person, path) = begin(&app).await;
    let first = post(&app, &person, &path, "key", json!({ "content": "hello" })).await.expect(201);
    app.advance(Duration::from_hours(25));
    let later = post(&app, &person, &path, "key", json!({ "content": "another" })).await.expect(201);
    assert_ne!(later.text("/message/id"), first.text("/message/id"));
}

#[tokio::test]
async fn without_the_table_a_request_with_a_key_is_not_done() {
    let app = TestApp::serving(crate::routes()).var("TABLE_NAME", "absent").start().await;
    let (person, path) = begin(&app).await;
    let _ = post(&app, &person, &path, "key", json!({ "content": "hello" }))
        .await
        .expect_problem(503, "unavailable");
    assert_eq!(messages(&app).await, 0);
}

#[tokio::test]
async fn a_room_is_opened_once_even_by_an_execution_that_took_over() {
    let app = start().await;
    let person = app.person().await;
    let body = json!({ "name": " A room ", "description": "of mine" });
    let key = Uuid::new_v4().to_string();
    let first = post(&app, &person, "/api/chatroom", &key, body.clone()).await.expect(201);
    let replayed = post(&app, &person, "/api/chatroom", &key, body.clone()).await.expect(201);
    forget_the_receipt(&app, &person, "/api/chatroom", &key).await;
    app.advance(Duration::from_secs(40));
    let taken_over = post(&app, &person, "/api/chatroom", &key, body).await.expect(201);
    assert_eq!(replayed.body, first.body);
    assert_eq!(taken_over.body["chatroom"]["id"], first.body["chatroom"]["id"]);
    assert_eq!(app.stored::<i64>("SELECT count(*) FROM chatrooms").await, 1);
}

#[tokio::test]
async fn a_retry_is_taken_in_once() {
    let app = start().await;
    let (person, path) = begin(&app).await;
    let sent = post(&app, &person, &path, "send", json!({ "content": "hello" })).await.expect(201);
    let id = sent.text("/message/id");
    app.execute("UPDATE messages SET processing_status = 'failed', error_code = 'timeout'").await;
    let retry = format!("/api/chatroom/message/{id}/retry");
    let first = post(&app, &person, &retry, "retry", json!({})).await.expect(200);
    let again = post(&app, &person, &retry, "retry", json!({})).await.expect(200);
    assert_eq!(first.body, again.body);
    assert_eq!(first.body["message"]["content"], "hello");
    forget_the_receipt(&app, &person, &retry, "retry").await;
    app.advance(Duration::from_secs(40));
    let taken_over = post(&app, &person, &retry, "retry", json!({})).await.expect(200);
    assert_eq!(taken_over.body["queue_status"], "delayed");
    assert_eq!(app.stored::<i32>("SELECT messages FROM daily_usage").await, 2);
}
