//! Requests that are refused: by a problem document, before the first byte, and nothing is stored.

use domain::Tier;
use serde_json::json;
use testkit::TestApp;

use super::{CHAT, ask, body, count, post, refused, start, with};
use crate::live_body::Timing;
use crate::tests::building;

#[tokio::test]
async fn exhausted_quota_is_a_problem_document_that_says_when_to_come_back() {
    let app = building(Timing::default()).var("BASIC_DAILY_MESSAGE_LIMIT", "1").start().await;
    let user = app.user().await;
    ask(&app, &user, body(CHAT, "m1", "hello")).await;
    let regenerated = with(body(CHAT, "m1", "hello"), "trigger", "regenerate-message");
    let edited = with(body(CHAT, "m1", "goodbye"), "messageId", "m1");
    for body in [body(CHAT, "m2", "more"), body("another chat", "m1", "more"), regenerated, edited] {
        let problem = post(&app, &user, body).send().await.expect_problem(429, "daily_quota_exhausted");
        // A page can read no header.
        assert_eq!(problem.body["retry_after"].to_string(), problem.header("retry-after").unwrap());
        assert!(problem.body["resets_at"].is_string());
    }
    // The other chat has no chatroom, which would stay empty.
    assert_eq!((count(&app, "chatrooms").await, count(&app, "messages").await), (1, 2));
    // The same message is accepted later.
    app.set_tier(&user, Tier::Pro).await;
    ask(&app, &user, body("another chat", "m1", "more")).await;
}

#[tokio::test]
async fn bodies_without_a_question_name_the_field() {
    let app = start().await;
    let user = app.user().await;
    let text = json!({ "type": "text", "text": "hello" });
    let message = |role: &str, parts: serde_json::Value| json!({ "id": "m1", "role": role, "parts": parts });
    let file = json!({ "type": "file", "mediaType": "image/png", "url": "data:image/png;base64,AA==" });
    for (last, why) in [
        (message("assistant", json!([text])), "must end with a message of the user"),
        (message("user", json!([])), "the text is required"),
        (message("user", json!([{ "type": "text", "text": " \u{200b} " }])), "the text is required"),
        (message("user", json!([{ "type": "text", "text": "x".repeat(10_001) }])), "1 to 10000 characters"),
        (message("user", json!([{ "type": "text", "text": "a\0b" }])), "U+0000"),
        (message("user", json!([file, text])), "files are not supported"),
        (message("user", json!([text, { "type": "data-x", "data": 1 }])), "only text parts"),
        (message("user", json!([{ "type": "text" }])), "must have a text"),
        (json!({ "id": "", "role": "user", "parts": [text] }), "1 to 128 characters"),
        (json!({ "role": "user", "parts": [text] }), "id: is required"),
    ] {
        for (field, body) in [
            ("messages", json!({ "id": CHAT, "messages": [last] })),
            ("message", json!({ "id": CHAT, "message": last })),
        ] {
            let refused = refused(&app, &user, body).await;
            let detail = refused.text("/detail");
            assert!(detail.contains(why) && detail.starts_with(field), "{field} {last}: {detail}");
        }
    }
    for body in [json!({ "id": CHAT }), json!({ "id": CHAT, "messages": [] }), json!({ "messages": [] })] {
        refused(&app, &user, body).await;
    }
    for chat in [String::new(), "x".repeat(129), "a\0b".to_owned()] {
        let refused = refused(&app, &user, body(&chat, "m1", "hello")).await;
        assert!(refused.text("/detail").starts_with("id: must be 1 to 128"), "{refused}");
    }
    let trigger = refused(&app, &user, with(body(CHAT, "m1", "hello"), "trigger", "delete-message")).await;
    assert!(trigger.text("/detail").starts_with("trigger: must be"), "{trigger}");
    assert_eq!((count(&app, "chatrooms").await, count(&app, "daily_usage").await), (0, 0));
}

#[tokio::test]
async fn long_conversations_are_taken_up_to_a_mebibyte() {
    let app = start().await;
    let user = app.user().await;
    let sized = |kibibytes: usize| {
        let mut body = body(CHAT, "m1", "hello");
        body["messages"][0]["parts"][1]["text"] = json!("x".repeat(kibibytes * 1024));
        body
    };
    ask(&app, &user, sized(1_000)).await;
    let _ = post(&app, &user, sized(1_024)).send().await.expect_problem(413, "body_too_large");
}

async fn send_raw(app: &TestApp, user: &testkit::TestUser, body: &str, kind: &str) -> testkit::Response {
    app.request("POST", "/api/chat").by(user).body(body).header("content-type", kind).send().await
}

#[tokio::test]
async fn requests_that_are_not_understood_are_refused() {
    let app = start().await;
    let user = app.user().await;
    for body in ["", "{", "{\"id\":\"a\",\"messages\":[{]}", "{\"id\":\"\\ud800\"}"] {
        let _ =
            send_raw(&app, &user, body, "application/json").await.expect_problem(400, "malformed_request");
    }
    let whole = body(CHAT, "m1", "hello").to_string();
    let _ = send_raw(&app, &user, &whole, "text/plain").await.expect_problem(415, "unsupported_media_type");
    let _ = app
        .request("POST", "/api/chat")
        .json(body(CHAT, "m1", "hello"))
        .send()
        .await
        .expect_problem(401, "not_authenticated");
}

#[tokio::test]
async fn suspended_account_asks_nothing() {
    let app = start().await;
    let user = app.user().await;
    app.execute(&format!("UPDATE users SET suspended_at = now() WHERE id = '{}'", user.id)).await;
    let claims = app.app.tokens().unwrap().verify(&user.token, app.app.clock.now()).unwrap();
    app.app.redis.mark_sessions_changed(&[claims.sid]).await.unwrap();
    let _ =
        post(&app, &user, body(CHAT, "m1", "hello")).send().await.expect_problem(403, "account_suspended");
    assert_eq!(count(&app, "chatrooms").await, 0);
}
