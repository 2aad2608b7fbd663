//! The responses as snapshots, with ids and times redacted.

use insta::internals::Content;
use insta::{assert_json_snapshot, dynamic_redaction, with_settings};
use serde_json::{Value, json};
use testkit::{TestApp, TestUser};

use super::start;

/// Compares `body` with the snapshot `name`.
#[track_caller]
fn assert_snapshot(name: &str, body: &Value) {
    let unless_null = |text: &'static str| {
        dynamic_redaction(move |value, _| if value.is_nil() { Content::None } else { text.into() })
    };
    with_settings!({ sort_maps => true, prepend_module_to_snapshot => false }, {
        assert_json_snapshot!(name, body, {
            ".**.id" => "[id]",
            ".**.chatroom_id" => "[id]",
            ".**.user_id" => "[id]",
            ".**.next_cursor" => unless_null("[cursor]"),
            ".**.retry_after" => "[seconds]",
            ".**.created_at" => "[time]",
            ".**.updated_at" => "[time]",
            ".**.last_message_at" => unless_null("[time]"),
            ".**.resets_at" => "[time]",
            ".**.request_id" => "[request id]",
        });
    });
}

/// Creates a chatroom with a description and returns the path of it.
async fn create_chatroom(app: &TestApp, user: &TestUser) -> String {
    let body = json!({ "name": "Plans", "description": "For next year" });
    let created = app.request("POST", "/api/chatroom").by(user).json(body).send().await.expect(201);
    assert_snapshot("created_chatroom", &created.body);
    format!("/api/chatroom/{}", created.text("/chatroom/id"))
}

#[tokio::test]
async fn chatroom_responses() {
    let app = start().await;
    let user = app.user().await;
    let path = create_chatroom(&app, &user).await;
    let updated = app.request("PATCH", &path).by(&user).json(json!({ "name": "New plans" }));
    assert_snapshot("updated_chatroom", &updated.send().await.expect(200).body);
    let list = app.request("GET", "/api/chatroom").by(&user).send().await.expect(200);
    assert_snapshot("list_of_chatrooms", &list.body);
    let deleted = app.request("DELETE", &path).by(&user).send().await.expect(200);
    assert_snapshot("deleted_chatroom", &deleted.body);
}

#[tokio::test]
async fn message_responses() {
    let app = start().await;
    let user = app.user().await;
    let path = create_chatroom(&app, &user).await;
    let sent = app.request("POST", &format!("{path}/message")).by(&user);
    let sent = sent.json(json!({ "content": "Hello" })).send().await.expect(201);
    assert_snapshot("accepted_message", &sent.body);
    let chatroom = app.request("GET", &path).by(&user).send().await.expect(200);
    assert_snapshot("chatroom_with_messages", &chatroom.body);
    let message = format!("/api/chatroom/message/{}", sent.text("/message/id"));
    let status = app.request("GET", &format!("{message}/status")).by(&user).send().await.expect(200);
    assert_snapshot("message_status", &status.body);
    let cancelled = app.request("POST", &format!("{message}/cancel")).by(&user).send().await.expect(200);
    assert_snapshot("cancelled_message", &cancelled.body);
    let again = app.request("POST", &format!("{message}/cancel")).by(&user).send().await;
    assert_snapshot("wrong_state", &again.expect_problem(409, "wrong_state").body);
}

#[tokio::test]
async fn exhausted_quota_response() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    app.send_message(&user, &chatroom, "first").await;
    app.execute("UPDATE daily_usage SET messages = 5").await;
    let request = app.request("POST", &format!("/api/chatroom/{chatroom}/message")).by(&user);
    let refused = request.json(json!({ "content": "one more" })).send().await;
    assert_snapshot("daily_quota_exhausted", &refused.expect_problem(429, "daily_quota_exhausted").body);
}
