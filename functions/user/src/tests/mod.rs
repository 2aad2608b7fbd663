//! Calls the routes in-process, with real Postgres and Redis.

mod account_deletion;
mod export;
mod operators;
mod suspension;

use std::time::Duration;

use insta::assert_json_snapshot;
use serde_json::json;
use testkit::{TestApp, TestUser};

async fn start() -> TestApp {
    TestApp::serving(crate::routes()).start().await
}

async fn start_with_chatrooms() -> TestApp {
    TestApp::serving(crate::routes().merge(chatroom::routes())).start().await
}

/// Sends a message, stores an answer to it, and returns the answer's id.
async fn insert_answer(app: &TestApp, user: &TestUser, chatroom: &str) -> String {
    let question = app.send_message(user, chatroom, "hello").await;
    app.query_value(&format!(
        "INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status, reply_to,
            model, created_at, updated_at)
         SELECT gen_random_uuid(), chatroom_id, user_id, position + 1, 'ai', 'an answer', 'completed', id, 'a-model',
            created_at, created_at
         FROM messages WHERE id = '{question}' RETURNING id::text"
    ))
    .await
}

#[tokio::test]
async fn get_account_returns_the_account_and_todays_usage() {
    let app = start().await;
    let user = app.user().await;
    let day = app.app.clock.now().date_naive();
    app.execute(&format!(
        "INSERT INTO daily_usage (user_id, day, messages) VALUES ('{}', '{day}', 3)",
        user.id
    ))
    .await;

    let response = app.event("user-get-me", Some(&user), None).send().await.expect(200);

    assert_eq!(response.body["user"]["id"], user.id.to_string());
    assert_eq!(response.body["user"]["mobile_number"], user.mobile_number.as_str());
    assert!(response.text("/user/created_at").ends_with('Z'), "{}", response.body);
    assert!(response.text("/usage/resets_at").ends_with("T00:00:00Z"), "{}", response.body);
    assert_json_snapshot!(response.body, {
        ".user.id" => "[id]", ".user.mobile_number" => "[number]", ".user.created_at" => "[time]",
        ".usage.resets_at" => "[time]"
    }, @r#"
    {
      "success": true,
      "usage": {
        "daily_message_limit": 5,
        "daily_messages_used": 3,
        "remaining_messages": 2,
        "resets_at": "[time]"
      },
      "user": {
        "created_at": "[time]",
        "id": "[id]",
        "mobile_number": "[number]",
        "name": "Ada",
        "subscription_tier": "basic"
      }
    }
    "#);
}

#[tokio::test]
async fn name_is_updated_and_trimmed() {
    let app = start().await;
    let user = app.user().await;
    let request = app.request("PUT", "/api/user/me").by(&user).json(json!({ "name": "  Grace Hopper " }));
    let response = request.send().await.expect(200);
    assert_eq!(response.body["user"]["name"], "Grace Hopper");
    assert_eq!(app.query_value::<String>("SELECT name FROM users").await, "Grace Hopper");
    let _ = app.event("user-put-me", Some(&user), None).send().await.expect(200);
}

#[tokio::test]
async fn only_the_name_can_be_updated() {
    let app = start().await;
    let user = app.user().await;
    let body =
        json!({ "name": "Ada", "subscription_tier": "pro", "id": "x", "mobile_number": "+4915100000000" });
    let _ = app.request("PUT", "/api/user/me").by(&user).json(body).send().await.expect(200);
    assert_eq!(app.query_value::<String>("SELECT subscription_tier FROM users").await, "basic");
    assert_eq!(
        app.query_value::<String>("SELECT mobile_number FROM users").await,
        user.mobile_number.as_str()
    );
}

#[tokio::test]
async fn invalid_name_is_refused_with_the_field_name() {
    let app = start().await;
    let user = app.user().await;
    for name in [
        json!(""),
        json!("A"),
        json!("x".repeat(101)),
        json!(5),
        json!(null),
        json!("a\u{0}b"),
        json!("\u{3164}\u{3164}"),
    ] {
        let request = app.request("PUT", "/api/user/me").by(&user).json(json!({ "name": name }));
        request.send().await.expect_invalid(&["name"]);
    }
    app.request("PUT", "/api/user/me").by(&user).json(json!({})).send().await.expect_invalid(&["name"]);
    assert_eq!(app.query_value::<String>("SELECT name FROM users").await, "Ada");
}

#[tokio::test]
async fn stats_return_the_stored_counters() {
    let app = start().await;
    let user = app.user().await;
    app.execute("UPDATE users SET chatroom_count = 2, message_count = 7, prompt_tokens = 11").await;
    let response = app.event("user-stats", Some(&user), None).send().await.expect(200);
    assert_eq!(
        response.body["stats"],
        json!({ "chatroom_count": 2, "message_count": 7, "ai_response_count": 0, "prompt_tokens": 11, "response_tokens": 0 })
    );
}

#[tokio::test]
async fn requests_without_an_active_session_are_refused() {
    let app = start().await;
    let user = app.user().await;
    for path in ["/api/user/me", "/api/user/stats"] {
        let _ = app.request("GET", path).send().await.expect_problem(401, "not_authenticated");
        let basic = app.request("GET", path).header("authorization", "Basic YTpi").send().await;
        let _ = basic.expect_problem(401, "not_authenticated");
    }
    app.execute("DELETE FROM sessions").await;
    let _ =
        app.request("GET", "/api/user/me").by(&user).send().await.expect_problem(401, "not_authenticated");
}

#[tokio::test]
async fn access_token_expires_on_time() {
    let app = start().await;
    let user = app.user().await;
    app.advance(Duration::from_hours(7 * 24));
    let _ =
        app.request("GET", "/api/user/me").by(&user).send().await.expect_problem(401, "not_authenticated");
}

#[tokio::test]
async fn usage_is_listed_day_by_day() {
    let app = start().await;
    let (user, other) = (app.user().await, app.user().await);
    let today = app.app.clock.now().date_naive();
    app.execute(&format!(
        "INSERT INTO daily_usage (user_id, day, messages, prompt_tokens, response_tokens, cached_tokens, thought_tokens,
             cost_micro_usd, unpriced_calls) VALUES
         ('{0}', '{today}', 3, 40, 50, 10, 20, 1234, 1), ('{0}', '{today}'::date - 2, 1, 2, 3, 0, 0, 0, 0),
         ('{0}', '{today}'::date - 30, 9, 9, 9, 9, 9, 9, 9), ('{1}', '{today}', 7, 7, 7, 7, 7, 7, 7)",
        user.id, other.id
    ))
    .await;
    let list = |query: &str| app.request("GET", &format!("/api/user/usage{query}")).by(&user).send();
    let month = list("").await.expect(200).body["usage"].clone();
    assert_eq!(month.as_array().unwrap().len(), 30);
    let first = json!({ "day": today, "messages": 3, "prompt_tokens": 40, "cached_tokens": 10, "response_tokens": 50,
        "thought_tokens": 20, "cost_micro_usd": 1234, "unpriced_calls": 1 });
    assert_eq!(month[0], first);
    assert_eq!((&month[1]["messages"], &month[2]["messages"]), (&json!(0), &json!(1)));
    assert_eq!(list("?days=31").await.expect(200).body["usage"][30]["messages"], 9);
    for days in ["0", "367", "-1", "x"] {
        list(&format!("?days={days}")).await.expect_invalid(&["days"]);
    }
}
