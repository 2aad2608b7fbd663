//! Users' feedback as operators see it.

use std::time::Duration;

use domain::MessageId;
use serde_json::{Value, json};
use testkit::{TestApp, TestUser};

use super::start;

/// Stores an answer of `model`, and the user's feedback to it a minute later. Returns the answer's id.
async fn insert_rated(app: &TestApp, user: &TestUser, chatroom: &str, model: &str, rating: &str) -> String {
    let (id, now) = (MessageId::new(app.app.clock.now()), app.app.clock.now().to_rfc3339());
    app.execute(&format!(
        "INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status, model,
            created_at, updated_at)
         SELECT '{id}', id, user_id, (SELECT count(*) + 1 FROM messages), 'ai', 'my secret', 'completed', '{model}',
            '{now}', '{now}'
         FROM chatrooms WHERE id = '{chatroom}'"
    ))
    .await;
    app.advance(Duration::from_mins(1));
    let path = format!("/api/chatroom/message/{id}/feedback");
    let body = json!({ "rating": rating, "comment": format!("about {model}") });
    let _ = app.request("POST", &path).by(user).json(body).send().await.expect(200);
    id.to_string()
}

async fn list(app: &TestApp, admin: &TestUser, query: &str) -> (Vec<Value>, Value) {
    let request = app.request("GET", &format!("/api/queue/feedback{query}")).by(admin);
    let body = request.send().await.expect(200).body;
    (body["feedback"].as_array().unwrap().clone(), body["next_cursor"].clone())
}

async fn ratings(app: &TestApp, admin: &TestUser, query: &str) -> Value {
    let request = app.request("GET", &format!("/api/queue/feedback/models{query}")).by(admin);
    request.send().await.expect(200).body["models"].clone()
}

#[tokio::test]
async fn feedback_is_listed_in_pages_latest_first_with_comments_but_without_messages() {
    let (app, admin) = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let mut ids = Vec::new();
    for rating in ["up", "down", "up"] {
        ids.insert(0, insert_rated(&app, &user, &chatroom, "a-model", rating).await);
    }
    let (first, cursor) = list(&app, &admin, "?limit=2").await;
    let (second, end) = list(&app, &admin, &format!("?limit=2&cursor={}", cursor.as_str().unwrap())).await;
    let listed: Vec<_> =
        first.iter().chain(&second).map(|entry| entry["message_id"].as_str().unwrap()).collect();
    assert_eq!((listed, end), (ids.iter().map(String::as_str).collect(), Value::Null));
    let facts = |entry: &Value| json!([entry["user_id"], entry["model"], entry["rating"], entry["comment"]]);
    assert_eq!(facts(&first[1]), json!([user.id, "a-model", "down", "about a-model"]));
    assert!(first[0]["answered_at"].as_str() < first[0]["updated_at"].as_str(), "{}", first[0]);
    assert!(!json!(first).to_string().contains("my secret"));
}

#[tokio::test]
async fn changed_feedback_moves_to_the_front() {
    let (app, admin) = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let first = insert_rated(&app, &user, &chatroom, "a-model", "up").await;
    let second = insert_rated(&app, &user, &chatroom, "a-model", "up").await;
    app.advance(Duration::from_mins(1));
    let change = app.request("POST", &format!("/api/chatroom/message/{first}/feedback")).by(&user);
    let _ = change.json(json!({ "rating": "down" })).send().await.expect(200);
    let listed = list(&app, &admin, "").await.0;
    let facts = |entry: &Value| json!([entry["message_id"], entry["rating"], entry["comment"]]);
    assert_eq!(facts(&listed[0]), json!([first, "down", null]));
    assert_eq!(listed[1]["message_id"], second);
}

#[tokio::test]
async fn ratings_are_counted_by_model_and_day_of_the_answer() {
    let (app, admin) = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let day = |app: &TestApp| app.app.clock.now().date_naive();
    let first = day(&app);
    for (model, rating) in [("model-b", "up"), ("model-a", "up"), ("model-a", "down"), ("model-a", "down")] {
        insert_rated(&app, &user, &chatroom, model, rating).await;
    }
    app.advance(Duration::from_hours(48));
    insert_rated(&app, &user, &chatroom, "model-b", "down").await;
    let today = day(&app);
    let (a, b) = (json!({ "model": "model-a", "answers": 3, "up": 1, "down": 2 }), "model-b");
    let both = json!([a, { "model": b, "answers": 2, "up": 1, "down": 1 }]);
    let latest = json!([{ "model": b, "answers": 1, "up": 0, "down": 1 }]);
    assert_eq!(ratings(&app, &admin, "").await, both);
    assert_eq!(ratings(&app, &admin, &format!("?from={first}")).await, both);
    assert_eq!(ratings(&app, &admin, &format!("?from={today}&to={today}")).await, latest);
    assert_eq!(ratings(&app, &admin, "?to=2020-01-01").await, json!([]));
}

#[tokio::test]
async fn invalid_ranges_and_cursors_are_refused() {
    let (app, admin) = start().await;
    let tomorrow = app.app.clock.now().date_naive().succ_opt().unwrap();
    for (query, field) in [
        ("from=yesterday", "from"),
        ("from=2026-02-30", "from"),
        ("from=2020-01-02&to=2020-01-01", "from"),
        ("from=2019-01-01&to=2020-01-02", "from"),
        ("to=1969-12-31", "to"),
        ("to=-200000-01-01", "to"),
        (&format!("to={tomorrow}"), "to"),
    ] {
        let request = app.request("GET", &format!("/api/queue/feedback/models?{query}")).by(&admin);
        request.send().await.expect_invalid(&[field]);
    }
    for query in ["cursor=x", "cursor=1.2", "limit=0", "limit=101"] {
        let request = app.request("GET", &format!("/api/queue/feedback?{query}")).by(&admin);
        request.send().await.expect_invalid(&[query.split('=').next().unwrap()]);
    }
}
