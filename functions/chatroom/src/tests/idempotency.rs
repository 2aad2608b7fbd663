//! Requests that a client repeats with the same `Idempotency-Key`.

use std::time::Duration;

use domain::Tier;
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{Response, TestApp, TestUser};
use uuid::Uuid;

use super::start;

/// A user, and the path that sends messages to their chatroom.
async fn user_with_chatroom(app: &TestApp) -> (TestUser, String) {
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    (user, format!("/api/chatroom/{chatroom}/message"))
}

async fn post(app: &TestApp, user: &TestUser, path: &str, key: &str, body: Value) -> Response {
    app.request("POST", path).by(user).header("idempotency-key", key).json(body).send().await
}

async fn count_messages(app: &TestApp) -> i64 {
    app.query_value("SELECT count(*) FROM messages").await
}

/// Turns the record of a completed operation into that of a function that was killed before it
/// could respond. `path` is `/api/chatroom` or a path with one id.
async fn interrupt_operation(app: &TestApp, user: &TestUser, path: &str, key: &str) {
    let id = path.split('/').find(|part| part.parse::<Uuid>().is_ok());
    let route = id.map_or(path.to_owned(), |id| format!("{}\n{id}", path.replace(id, "{id}")));
    let scope = format!("{}\n{route}\n{key}", user.id);
    app.interrupt_operation(&domain::fingerprint::fingerprint(scope.as_bytes())).await;
}

#[tokio::test]
async fn repeated_request_is_executed_once_and_replayed() {
    let app = start().await;
    let (user, path) = user_with_chatroom(&app).await;
    let first = post(&app, &user, &path, "key", json!({ "content": "héllo" })).await.expect(201);
    let again = post(&app, &user, &path, "\"key\"", json!({ "content": "héllo" })).await.expect(201);
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("x-quota-remaining"), first.header("x-quota-remaining"));
    let replayed = |response: &Response| response.header("idempotency-replayed").map(str::to_owned);
    assert_eq!((replayed(&first), replayed(&again)), (None, Some("true".to_owned())));
    assert_eq!((count_messages(&app).await, app.queue.sent().len()), (1, 1));
    assert_eq!(app.query_value::<i32>("SELECT messages FROM daily_usage").await, 1);
}

#[tokio::test]
async fn one_of_fifty_concurrent_requests_is_executed() {
    let app = start().await;
    let (user, path) = user_with_chatroom(&app).await;
    let sends = (0..50).map(|_| post(&app, &user, &path, "key", json!({ "content": "hello" })));
    let responses = join_all(sends).await;
    let ids: Vec<String> =
        responses.iter().filter(|a| a.status == 201).map(|response| response.text("/message/id")).collect();
    assert!(!ids.is_empty() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    for response in responses.into_iter().filter(|response| response.status != 201) {
        let refused = response.expect_problem(409, "request_in_flight");
        assert!(refused.header("retry-after").is_some());
    }
    assert_eq!(count_messages(&app).await, 1);
}

#[tokio::test]
async fn key_belongs_to_one_body_path_and_user() {
    let app = start().await;
    let (user, path) = user_with_chatroom(&app).await;
    let (other, others_path) = user_with_chatroom(&app).await;
    let _ = post(&app, &user, &path, "key", json!({ "content": "one" })).await.expect(201);
    let mismatch = post(&app, &user, &path, "key", json!({ "content": "two" })).await;
    let _ = mismatch.expect_problem(422, "idempotency_key_reused");
    let _ = post(&app, &other, &others_path, "key", json!({ "content": "one" })).await.expect(201);
    let second_chatroom = format!("/api/chatroom/{}/message", app.create_chatroom(&user).await);
    let _ = post(&app, &user, &second_chatroom, "key", json!({ "content": "one" })).await.expect(201);
    assert_eq!(count_messages(&app).await, 3);
}

#[tokio::test]
async fn spelling_of_an_id_does_not_change_the_path() {
    let app = start().await;
    let (user, path) = user_with_chatroom(&app).await;
    let body = json!({ "content": "hello" });
    let first = post(&app, &user, &path, "key", body.clone()).await.expect(201);
    let id = path.split('/').nth(3).unwrap();
    for spelt in [id.to_uppercase(), id.replace('-', ""), id.replacen('0', "%30", 1)] {
        let again = post(&app, &user, &path.replace(id, &spelt), "key", body.clone()).await.expect(201);
        assert_eq!(again.body, first.body, "{spelt}");
    }
    assert_eq!(count_messages(&app).await, 1);
}

#[tokio::test]
async fn spelling_of_the_json_does_not_change_the_body() {
    let app = start().await;
    let user = app.user().await;
    let create = |key: &'static str, body: &str| {
        let request = app.request("POST", "/api/chatroom").by(&user).header("idempotency-key", key);
        request.header("content-type", "application/json").body(body).send()
    };
    let first = create("key", r#"{"name":"Café","description":"a/b"}"#).await.expect(201);
    for body in [
        r#"{"description":"a/b","name":"Café"}"#,
        "\u{feff}{ \"name\": \"Café\",\r\n \"description\": \"a/b\" }\n",
        r#"{"n\u0061me":"Caf\u00e9","description":"a\/b"}"#,
    ] {
        assert_eq!(create("key", body).await.expect(201).body, first.body, "{body}");
    }
    for body in [r#"{"name":"Café"}"#, r#"{"name":"Cafe\u0301","description":"a/b"}"#] {
        let _ = create("key", body).await.expect_problem(422, "idempotency_key_reused");
    }
    create("key", r#"{"name":"b","name":"Café","description":"a/b"}"#).await.expect_invalid(&["body"]);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM chatrooms").await, 1);
}

#[tokio::test]
async fn invalid_key_is_a_validation_error() {
    let app = start().await;
    let (user, path) = user_with_chatroom(&app).await;
    for key in ["", " ", "\"\"", "a\u{e9}", "a b", "a\tb", &"x".repeat(256)] {
        let response = post(&app, &user, &path, key, json!({ "content": "hello" })).await;
        response.expect_invalid(&["Idempotency-Key"]);
    }
    let _ = post(&app, &user, &path, &"x".repeat(255), json!({ "content": "hello" })).await.expect(201);
    let huge = json!({ "content": "x".repeat(140_000) });
    let _ = post(&app, &user, &path, "huge", huge).await.expect_problem(413, "body_too_large");
}

#[tokio::test]
async fn refused_request_leaves_its_key_unused() {
    let app = start().await;
    let (user, path) = user_with_chatroom(&app).await;
    let _ = post(&app, &user, &path, "key", json!({ "content": "" })).await.expect(400);
    let _ = post(&app, &user, &path, "key", json!({ "content": "better" })).await.expect(201);
    app.execute("UPDATE daily_usage SET messages = 5").await;
    let body = json!({ "content": "too many" });
    let _ = post(&app, &user, &path, "other", body.clone()).await.expect(429);
    app.set_tier(&user, Tier::Pro).await;
    let _ = post(&app, &user, &path, "other", body).await.expect(201);
}

#[tokio::test]
async fn replay_is_charged_to_no_user_limit_and_no_quota() {
    let app = TestApp::serving(crate::routes()).var("RATE_LIMIT_USER_MAX_REQUESTS", "2").start().await;
    let (user, path) = user_with_chatroom(&app).await;
    let body = json!({ "content": "hello" });
    let _ = post(&app, &user, &path, "key", body.clone()).await.expect(201);
    app.execute("UPDATE daily_usage SET messages = 5").await;
    for _ in 0..3 {
        let _ = post(&app, &user, &path, "key", body.clone()).await.expect(201);
    }
    let _ = post(&app, &user, &path, "fresh", body).await.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn request_over_its_limit_writes_no_record() {
    let app = TestApp::serving(crate::routes()).var("RATE_LIMIT_USER_MAX_REQUESTS", "2").start().await;
    let (user, path) = user_with_chatroom(&app).await;
    let body = json!({ "content": "hello" });
    let _ = post(&app, &user, &path, "key", body.clone()).await.expect(201);
    let refused = post(&app, &user, &path, "fresh", body).await.expect_problem(429, "rate_limited");
    assert!(refused.header("retry-after").is_some() && refused.header("x-ratelimit-remaining") == Some("0"));
    assert_eq!(app.idempotency.claims(), 1);
}

#[tokio::test]
async fn session_that_has_ended_is_read_from_postgres_once_with_a_key_too() {
    let app = start().await;
    let (user, path) = user_with_chatroom(&app).await;
    let session: String = app.query_value("SELECT id::text FROM sessions").await;
    app.execute("CREATE TABLE kept AS SELECT * FROM sessions; DELETE FROM sessions").await;
    app.app.redis.invalidate_session(session.parse().unwrap()).await.unwrap();
    let send = || post(&app, &user, &path, "key", json!({ "content": "hello" }));
    let _ = send().await.expect_problem(401, "not_authenticated");
    app.execute("INSERT INTO sessions SELECT * FROM kept").await;
    let _ = send().await.expect_problem(401, "not_authenticated");
}

#[tokio::test]
async fn retry_of_a_killed_execution_finds_the_stored_message() {
    let app = start().await;
    let (user, path) = user_with_chatroom(&app).await;
    let body = json!({ "content": "hello" });
    let first = post(&app, &user, &path, "key", body.clone()).await.expect(201);
    interrupt_operation(&app, &user, &path, "key").await;
    app.execute("UPDATE daily_usage SET messages = 5").await;

    let _ = post(&app, &user, &path, "key", body.clone()).await.expect_problem(409, "request_in_flight");
    app.advance(Duration::from_secs(40));
    let again = post(&app, &user, &path, "key", body.clone()).await.expect(201);

    assert_eq!(again.text("/message/id"), first.text("/message/id"));
    assert_eq!(count_messages(&app).await, 1);
    // The killed execution may not have reached the queue, so the message is sent again.
    assert_eq!(app.queue.sent().len(), 2);
    let replayed = post(&app, &user, &path, "key", body).await.expect(201);
    assert_eq!(replayed.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn refused_retry_of_a_killed_execution_keeps_its_record() {
    let app = start().await;
    let (user, path) = user_with_chatroom(&app).await;
    let body = json!({ "content": "hello" });
    let first = post(&app, &user, &path, "key", body.clone()).await.expect(201);
    interrupt_operation(&app, &user, &path, "key").await;
    app.advance(Duration::from_secs(40));
    let untyped =
        app.request("POST", &path).by(&user).header("idempotency-key", "key").body(&body.to_string());
    let _ = untyped.send().await.expect(415);
    let again = post(&app, &user, &path, "key", body).await.expect(201);
    assert_eq!(again.text("/message/id"), first.text("/message/id"));
    assert_eq!(count_messages(&app).await, 1);
}

#[tokio::test]
async fn replays_have_their_own_rate_limit() {
    let app = TestApp::serving(crate::routes()).var("RATE_LIMIT_USER_MAX_REQUESTS", "2").start().await;
    let (user, path) = user_with_chatroom(&app).await;
    let body = json!({ "content": "hello" });
    for _ in 0..=20 {
        let _ = post(&app, &user, &path, "key", body.clone()).await.expect(201);
    }
    let _ = post(&app, &user, &path, "key", body).await.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn invalid_key_is_charged_to_the_address() {
    let app = TestApp::serving(crate::routes()).var("RATE_LIMIT_MAX_REQUESTS", "2").start().await;
    let user = app.user().await;
    let path = "/api/chatroom/018f0000-0000-7000-8000-000000000001/message";
    for _ in 0..2 {
        let _ = post(&app, &user, path, "", json!({ "content": "hello" })).await.expect(400);
    }
    let _ = post(&app, &user, path, "", json!({ "content": "hello" })).await.expect(429);
}

#[tokio::test]
async fn repeated_retry_of_a_message_that_did_not_fail_is_refused() {
    let app = start().await;
    let (user, path) = user_with_chatroom(&app).await;
    let sent = post(&app, &user, &path, "send", json!({ "content": "hello" })).await.expect(201);
    let id = sent.text("/message/id");
    let cancel = format!("/api/chatroom/message/{id}/cancel");
    let _ = app.request("POST", &cancel).by(&user).send().await.expect(200);
    let retry = format!("/api/chatroom/message/{id}/retry");
    app.execute("ALTER TABLE daily_usage RENAME TO gone").await;
    let _ = post(&app, &user, &retry, "retry", json!({})).await.expect(500);
    app.execute("ALTER TABLE gone RENAME TO daily_usage").await;
    let _ = post(&app, &user, &retry, "retry", json!({})).await.expect_problem(409, "wrong_state");
}

#[tokio::test]
async fn request_after_an_internal_error_is_executed_at_once() {
    let app = start().await;
    let (user, path) = user_with_chatroom(&app).await;
    app.execute("ALTER TABLE daily_usage RENAME TO gone").await;
    let body = json!({ "content": "hello" });
    let _ = post(&app, &user, &path, "key", body.clone()).await.expect(500);
    app.execute("ALTER TABLE gone RENAME TO daily_usage").await;
    let _ = post(&app, &user, &path, "key", body).await.expect(201);
    assert_eq!(count_messages(&app).await, 1);
}

#[tokio::test]
async fn receipt_expires_after_a_day() {
    let app = start().await;
    let (user, path) = user_with_chatroom(&app).await;
    let first = post(&app, &user, &path, "key", json!({ "content": "hello" })).await.expect(201);
    app.advance(Duration::from_hours(25));
    let later = post(&app, &user, &path, "key", json!({ "content": "another" })).await.expect(201);
    assert_ne!(later.text("/message/id"), first.text("/message/id"));
}

#[tokio::test]
async fn request_with_a_key_is_not_executed_without_the_table() {
    let app = TestApp::serving(crate::routes()).var("TABLE_NAME", "absent").start().await;
    let (user, path) = user_with_chatroom(&app).await;
    let _ = post(&app, &user, &path, "key", json!({ "content": "hello" }))
        .await
        .expect_problem(503, "unavailable");
    assert_eq!(count_messages(&app).await, 0);
}

#[tokio::test]
async fn chatroom_is_created_once_even_by_a_retried_execution() {
    let app = start().await;
    let user = app.user().await;
    for (count, body) in [(1, json!({ "name": " A chatroom ", "description": "of mine" })), (2, json!({}))] {
        let key = Uuid::new_v4().to_string();
        let first = post(&app, &user, "/api/chatroom", &key, body.clone()).await.expect(201);
        let replayed = post(&app, &user, "/api/chatroom", &key, body.clone()).await.expect(201);
        interrupt_operation(&app, &user, "/api/chatroom", &key).await;
        app.advance(Duration::from_secs(40));
        let retried = post(&app, &user, "/api/chatroom", &key, body).await.expect(201);
        assert_eq!(replayed.body, first.body);
        assert_eq!(retried.body["chatroom"]["id"], first.body["chatroom"]["id"]);
        assert_eq!(app.query_value::<i64>("SELECT count(*) FROM chatrooms").await, count);
    }
}

#[tokio::test]
async fn retry_with_a_key_is_accepted_once() {
    let app = start().await;
    let (user, path) = user_with_chatroom(&app).await;
    let sent = post(&app, &user, &path, "send", json!({ "content": "hello" })).await.expect(201);
    let id = sent.text("/message/id");
    app.execute("UPDATE messages SET processing_status = 'failed', error_code = 'timeout'").await;
    let retry = format!("/api/chatroom/message/{id}/retry");
    let first = post(&app, &user, &retry, "retry", json!({})).await.expect(200);
    let again = post(&app, &user, &retry, "retry", json!({})).await.expect(200);
    assert_eq!(first.body, again.body);
    assert_eq!(first.body["message"]["content"], "hello");
    interrupt_operation(&app, &user, &retry, "retry").await;
    app.advance(Duration::from_secs(40));
    let retried = post(&app, &user, &retry, "retry", json!({})).await.expect(200);
    assert_eq!(retried.body["queue_status"], "delayed");
    assert_eq!(app.query_value::<i32>("SELECT messages FROM daily_usage").await, 2);
}
