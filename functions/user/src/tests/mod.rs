//! The routes, in this process, on real Postgres and Redis.

mod account_deletion;

use std::time::Duration;

use serde_json::json;
use testkit::TestApp;

async fn start() -> TestApp {
    TestApp::serving(crate::routes()).start().await
}

#[tokio::test]
async fn me_shows_the_account_and_todays_usage() {
    let app = start().await;
    let person = app.person().await;
    let day = app.app.clock.now().date_naive();
    app.execute(&format!(
        "INSERT INTO daily_usage (user_id, day, messages) VALUES ('{}', '{day}', 3)",
        person.id
    ))
    .await;

    let answer = app.event("user-get-me", Some(&person), None).send().await.expect(200);

    let (user, usage) = (&answer.body["user"], &answer.body["usage"]);
    assert_eq!(user["id"], person.id.to_string());
    assert_eq!(user["mobile_number"], person.mobile_number.as_str());
    assert_eq!((&user["name"], &user["subscription_tier"]), (&json!("Ada"), &json!("basic")));
    assert!(user["created_at"].as_str().unwrap().ends_with('Z'), "{user}");
    assert_eq!((&usage["daily_messages_used"], &usage["daily_message_limit"]), (&json!(3), &json!(5)));
    assert_eq!(usage["remaining_messages"], 2);
    assert!(usage["resets_at"].as_str().unwrap().ends_with("T00:00:00Z"), "{usage}");
}

#[tokio::test]
async fn a_name_is_changed_and_trimmed() {
    let app = start().await;
    let person = app.person().await;
    let request = app.request("PUT", "/api/user/me").by(&person).json(json!({ "name": "  Grace Hopper " }));
    let answer = request.send().await.expect(200);
    assert_eq!(answer.body["user"]["name"], "Grace Hopper");
    assert_eq!(app.stored::<String>("SELECT name FROM users").await, "Grace Hopper");
    let _ = app.event("user-put-me", Some(&person), None).send().await.expect(200);
}

#[tokio::test]
async fn only_the_name_can_be_changed() {
    let app = start().await;
    let person = app.person().await;
    let body =
        json!({ "name": "Ada", "subscription_tier": "pro", "id": "x", "mobile_number": "+4915100000000" });
    let _ = app.request("PUT", "/api/user/me").by(&person).json(body).send().await.expect(200);
    assert_eq!(app.stored::<String>("SELECT subscription_tier FROM users").await, "basic");
    assert_eq!(app.stored::<String>("SELECT mobile_number FROM users").await, person.mobile_number.as_str());
}

#[tokio::test]
async fn a_wrong_name_is_refused_by_name() {
    let app = start().await;
    let person = app.person().await;
    for name in [json!(""), json!("A"), json!("x".repeat(101)), json!(5), json!(null), json!("a\u{0}b")] {
        let request = app.request("PUT", "/api/user/me").by(&person).json(json!({ "name": name }));
        request.send().await.expect_invalid(&["name"]);
    }
    app.request("PUT", "/api/user/me").by(&person).json(json!({})).send().await.expect_invalid(&["name"]);
    assert_eq!(app.stored::<String>("SELECT name FROM users").await, "Ada");
}

#[tokio::test]
async fn stats_are_the_kept_counters() {
    let app = start().await;
    let person = app.person().await;
    app.execute("UPDATE users SET chatroom_count = 2, message_count = 7, prompt_tokens = 11").await;
    let answer = app.event("user-stats", Some(&person), None).send().await.expect(200);
    assert_eq!(
        answer.body["stats"],
        json!({ "chatroom_count": 2, "message_count": 7, "ai_response_count": 0, "prompt_tokens": 11, "response_tokens": 0 })
    );
}

#[tokio::test]
async fn nothing_is_shown_without_a_live_session() {
    let app = start().await;
    let person = app.person().await;
    for path in ["/api/user/me", "/api/user/stats"] {
        let _ = app.request("GET", path).send().await.expect_problem(401, "not_authenticated");
        let basic = app.request("GET", path).header("authorization", "Basic YTpi").send().await;
        let _ = basic.expect_problem(401, "not_authenticated");
    }
    app.execute("DELETE FROM sessions").await;
    let _ =
        app.request("GET", "/api/user/me").by(&person).send().await.expect_problem(401, "not_authenticated");
}

#[tokio::test]
async fn a_token_ends_with_its_time() {
    let app = start().await;
    let person = app.person().await;
    app.advance(Duration::from_hours(7 * 24));
    let _ =
        app.request("GET", "/api/user/me").by(&person).send().await.expect_problem(401, "not_authenticated");
}

#[tokio::test]
async fn usage_is_told_day_by_day() {
    let app = start().await;
    let (person, other) = (app.person().await, app.person().await);
    let today = app.app.clock.now().date_naive();
    app.execute(&format!(
        "INSERT INTO daily_usage (user_id, day, messages, prompt_tokens, response_tokens) VALUES
         ('{0}', '{today}', 3, 40, 50), ('{0}', '{today}'::date - 2, 1, 2, 3), ('{0}', '{today}'::date - 30, 9, 9, 9),
         ('{1}', '{today}', 7, 7, 7)",
        person.id, other.id
    ))
    .await;
    let ask = |query: &str| app.request("GET", &format!("/api/user/usage{query}")).by(&person).send();
    let month = ask("").await.expect(200).body["usage"].clone();
    assert_eq!(month.as_array().unwrap().len(), 30);
    assert_eq!(month[0], json!({ "day": today, "messages": 3, "prompt_tokens": 40, "response_tokens": 50 }));
    assert_eq!((&month[1]["messages"], &month[2]["messages"]), (&json!(0), &json!(1)));
    assert_eq!(ask("?days=31").await.expect(200).body["usage"][30]["messages"], 9);
    for days in ["0", "367", "-1", "x"] {
        ask(&format!("?days={days}")).await.expect_invalid(&["days"]);
    }
}
