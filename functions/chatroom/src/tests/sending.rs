//! Sending a message and reading its status.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use super::start;

#[tokio::test]
async fn message_is_stored_and_only_its_id_is_queued() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let path = format!("/api/chatroom/{chatroom}/message");
    let sent = app
        .request("POST", &path)
        .by(&user)
        .json(json!({ "content": " Héllo\n日本 " }))
        .send()
        .await
        .expect(201);

    let message = &sent.body["message"];
    assert_eq!((&message["content"], &message["message_type"]), (&json!(" Héllo\n日本 "), &json!("user")));
    assert_eq!(
        (&message["processing_status"], &sent.body["queue_status"]),
        (&json!("pending"), &json!("queued"))
    );
    assert_eq!(sent.header("x-quota-remaining"), Some("4"));
    let queued = app.queue.sent();
    assert_eq!(queued.len(), 1);
    assert_eq!((queued[0].0.to_string(), json!(queued[0].1)), (chatroom, message["id"].clone()));
    assert_eq!(app.query_value::<String>("SELECT content FROM messages").await, " Héllo\n日本 ");
}

#[tokio::test]
async fn message_is_stored_when_the_queue_is_unavailable() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    app.queue.fail_requests();
    let path = format!("/api/chatroom/{chatroom}/message");
    let sent =
        app.request("POST", &path).by(&user).json(json!({ "content": "hello" })).send().await.expect(201);
    assert_eq!(sent.body["queue_status"], "delayed");
    assert_eq!(app.query_value::<String>("SELECT processing_status FROM messages").await, "pending");
}

#[tokio::test]
async fn invalid_content_is_a_validation_error_and_not_stored() {
    let app = start().await;
    let user = app.user().await;
    let path = format!("/api/chatroom/{}/message", app.create_chatroom(&user).await);
    for content in [
        json!(""),
        json!(" \n\t "),
        json!("\u{200b}\u{fe0f}"),
        json!("\u{3164}\u{2800} "),
        json!("x".repeat(10_001)),
        json!("a\u{0}b"),
        json!(7),
        json!(null),
    ] {
        let request = app.request("POST", &path).by(&user).json(json!({ "content": content }));
        request.send().await.expect_invalid(&["content"]);
    }
    app.request("POST", &path).by(&user).json(json!({})).send().await.expect_invalid(&["content"]);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM messages").await, 0);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM daily_usage").await, 0);
    assert!(app.queue.sent().is_empty());
}

#[tokio::test]
async fn ten_thousand_characters_of_any_script_are_accepted() {
    let app = start().await;
    let user = app.user().await;
    let path = format!("/api/chatroom/{}/message", app.create_chatroom(&user).await);
    let request = app.request("POST", &path).by(&user).json(json!({ "content": "語".repeat(10_000) }));
    let _ = request.send().await.expect(201);
}

/// `character` repeated, each UTF-16 code unit written as an escape.
fn escaped(character: &str, count: usize) -> String {
    let escapes: Vec<String> = character.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    escapes.concat().repeat(count)
}

#[tokio::test]
async fn ten_thousand_escaped_characters_are_accepted_with_and_without_a_key() {
    let app = start().await;
    let user = app.user().await;
    let path = format!("/api/chatroom/{}/message", app.create_chatroom(&user).await);
    let post = |body: &str| {
        app.request("POST", &path).by(&user).body(body).header("content-type", "application/json")
    };
    for character in ["語", "😀"] {
        let body = format!("{{\"content\":\"{}\"}}", escaped(character, 10_000));
        let sent = post(&body).send().await.expect(201);
        assert_eq!(sent.body["message"]["content"], character.repeat(10_000));
        let _ = post(&body)
            .header("idempotency-key", &format!("key-{}", character.len()))
            .send()
            .await
            .expect(201);
    }
    let large = format!("{{\"content\":\"{}\"}}", escaped("😀", 11_000));
    let refused = post(&large).send().await.expect_problem(413, "body_too_large");
    assert_eq!(refused.body["detail"], "the body is larger than 128 KiB");
}

#[tokio::test]
async fn body_may_begin_with_a_byte_order_mark() {
    let app = start().await;
    let user = app.user().await;
    let path = format!("/api/chatroom/{}/message", app.create_chatroom(&user).await);
    let post =
        |body| app.request("POST", &path).by(&user).body(body).header("content-type", "application/json");
    let sent = post("\u{feff}{\"content\":\"hello\"}").send().await.expect(201);
    assert_eq!(sent.body["message"]["content"], "hello");
    let twice = post("\u{feff}\u{feff}{\"content\":\"hello\"}").send().await;
    let _ = twice.expect_problem(400, "malformed_request");
    post("\u{feff}[]").send().await.expect_invalid(&["body"]);
}

#[tokio::test]
async fn status_shows_chatroom_attempts_error_and_reply() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let id = app.send_message(&user, &chatroom, "hello").await;
    let path = format!("/api/chatroom/message/{id}/status");
    let status = app.request("GET", &path).by(&user).send().await.expect(200);
    let message = &status.body["message"];
    assert_eq!((&message["id"], &message["chatroom_id"]), (&json!(id), &json!(chatroom)));
    assert_eq!((&message["chatroom_name"], &message["attempts"]), (&json!("A chatroom"), &json!(0)));
    assert_eq!((&message["error_code"], &message["reply"]), (&json!(null), &json!(null)));

    app.execute("UPDATE messages SET processing_status = 'failed', error_code = 'timeout', attempts = 3")
        .await;
    let failed = app.request("GET", &path).by(&user).send().await.expect(200);
    assert_eq!(
        (&failed.body["message"]["error_code"], &failed.body["message"]["attempts"]),
        (&json!("timeout"), &json!(3))
    );
}

#[tokio::test]
async fn status_shows_what_a_pending_message_waits_for() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let path = format!("/api/chatroom/message/{}/status", app.send_message(&user, &chatroom, "hello").await);
    let read = async || app.request("GET", &path).by(&user).send().await.expect(200).body["message"].clone();
    let waiting = |message: &Value| (message["waiting_for"].clone(), message["retry_at"].clone());
    assert_eq!(waiting(&read().await), (json!(null), json!(null)));

    let wait = "wait_reason = 'rate_limit', lease_until = '2030-01-01T00:00:00Z'";
    app.execute(&format!("UPDATE messages SET {wait}")).await;
    assert_eq!(waiting(&read().await), (json!("rate_limit"), json!("2030-01-01T00:00:00Z")));

    app.execute("UPDATE messages SET processing_status = 'processing'").await;
    assert_eq!(waiting(&read().await), (json!(null), json!(null)));
}

#[tokio::test]
async fn long_poll_ends_when_the_status_is_final() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let id = app.send_message(&user, &chatroom, "hello").await;
    let path = format!("/api/chatroom/message/{id}/status?wait=25");
    let answered = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        app.execute("UPDATE messages SET processing_status = 'cancelled'").await;
    };
    let started = tokio::time::Instant::now();
    let (status, ()) = tokio::join!(app.request("GET", &path).by(&user).send(), answered);
    assert_eq!(status.expect(200).body["message"]["processing_status"], "cancelled");
    assert!(started.elapsed() < Duration::from_secs(20), "it waited for the whole time");
}

#[tokio::test]
async fn at_most_three_long_polls_of_a_user_wait() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let id = app.send_message(&user, &chatroom, "hello").await;
    let path = format!("/api/chatroom/message/{id}/status?wait=25");
    let poll = || app.request("GET", &path).by(&user).send();
    let waiting = || async {
        while app.app.redis.count_long_polls(user.id).await.unwrap() < 3 {
            tokio::task::yield_now().await;
        }
        // The fourth responds while the others wait; then the message ends, and so do they.
        let _ = poll().await.expect(200);
        assert_eq!(app.app.redis.count_long_polls(user.id).await.unwrap(), 3);
        app.execute("UPDATE messages SET processing_status = 'cancelled'").await;
    };
    let (statuses, ()) = tokio::join!(join_all((0..3).map(|_| poll())), waiting());
    for status in statuses {
        assert_eq!(status.expect(200).body["message"]["processing_status"], "cancelled");
    }
    assert_eq!(app.app.redis.count_long_polls(user.id).await.unwrap(), 0);
}

#[tokio::test]
async fn short_long_poll_keeps_the_places_of_longer_ones() {
    let app = start().await;
    let user = app.user().await;
    let redis = &app.app.redis;
    let long = redis.enter_long_poll(user.id, Duration::from_secs(25)).await.unwrap().unwrap();
    let short = redis.enter_long_poll(user.id, Duration::from_millis(1)).await.unwrap().unwrap();
    redis.leave_long_poll(&short).await.unwrap();
    // Longer than the short wait, by Redis's own clock.
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(redis.count_long_polls(user.id).await.unwrap(), 1, "{long:?} has lost its place");
}

#[tokio::test]
async fn long_poll_ends_after_its_bounded_wait() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let path = format!("/api/chatroom/message/{}/status", app.send_message(&user, &chatroom, "hello").await);
    let started = tokio::time::Instant::now();
    let status = app.request("GET", &format!("{path}?wait=1")).by(&user).send().await.expect(200);
    assert!(started.elapsed() >= Duration::from_secs(1), "it did not wait");
    assert_eq!(status.body["message"]["processing_status"], "pending");
    for wait in ["26", "-1", "soon", "1.5"] {
        let request = app.request("GET", &format!("{path}?wait={wait}")).by(&user);
        request.send().await.expect_invalid(&["wait"]);
    }
}
