//! Exporting all data of an account.

use serde_json::{Value, json};
use testkit::{TestApp, TestUser};

use super::{insert_answer, start_with_chatrooms};

async fn export(app: &TestApp, user: &TestUser, query: &str) -> Vec<Value> {
    let request = app.request("GET", &format!("/api/user/export{query}")).by(user);
    let response = request.send().await.expect(200);
    assert_eq!(response.header("content-type"), Some("application/x-ndjson"));
    response.body.as_str().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The `type` of each line.
fn types(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["type"].as_str().unwrap()).collect()
}

/// Exports page by page. Returns the number of responses and of their lines of this `type`.
async fn count_export(app: &TestApp, user: &TestUser, kind: &str) -> (usize, usize) {
    let (mut query, mut responses, mut count) = (String::new(), 0, 0);
    loop {
        let lines = export(app, user, &query).await;
        responses += 1;
        count += types(&lines).iter().filter(|name| **name == kind).count();
        let last = lines.last().unwrap();
        if last["type"] == "end" {
            return (responses, count);
        }
        assert_eq!(last["type"], "continue");
        query = format!("?cursor={}", last["cursor"].as_str().unwrap());
    }
}

#[tokio::test]
async fn export_contains_all_data_of_the_owner_in_order() {
    let app = start_with_chatrooms().await;
    let (user, other) = (app.user().await, app.user().await);
    let (first, _empty, foreign) = (
        app.create_chatroom(&user).await,
        app.create_chatroom(&user).await,
        app.create_chatroom(&other).await,
    );
    let _ = app.send_message(&other, &foreign, "not mine").await;
    for number in 0..3 {
        let _ = app.send_message(&user, &first, &format!("question {number}\nwith a line")).await;
    }
    app.execute(
        "UPDATE messages SET finish_reason = 'max_tokens', attempts = 2 WHERE content LIKE 'question 2%'",
    )
    .await;
    let lines = export(&app, &user, "").await;
    assert_eq!(
        types(&lines),
        ["account", "session", "usage", "chatroom", "message", "message", "message", "chatroom", "end"]
    );
    assert_eq!(lines[0]["mobile_number"], user.mobile_number.as_str());
    assert_eq!((&lines[0]["message_count"], &lines[2]["messages"]), (&json!(3), &json!(3)));
    assert_eq!((&lines[3]["id"], &lines[4]["chatroom_id"]), (&json!(first), &json!(first)));
    assert_eq!(lines[6]["content"], "question 2\nwith a line");
    assert_eq!((&lines[6]["finish_reason"], &lines[6]["attempts"]), (&json!("max_tokens"), &json!(2)));
    assert!(!json!(lines).to_string().contains("not mine"));
    let _ = app.request("GET", "/api/user/export").send().await.expect_problem(401, "not_authenticated");
}

#[tokio::test]
async fn export_contains_the_feedback_to_an_answer() {
    let app = start_with_chatrooms().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let answer = insert_answer(&app, &user, &chatroom).await;
    let give = app.request("POST", &format!("/api/chatroom/message/{answer}/feedback")).by(&user);
    let _ = give.json(json!({ "rating": "down", "comment": "Too long" })).send().await.expect(200);
    let lines = export(&app, &user, "").await;
    let feedback = &lines.iter().find(|line| line["message_type"] == "ai").unwrap()["feedback"];
    assert_eq!((&feedback["rating"], &feedback["comment"]), (&json!("down"), &json!("Too long")));
    assert!(feedback["updated_at"].is_string(), "{feedback}");
}

#[tokio::test]
async fn large_export_continues_from_its_cursor_without_gaps() {
    let app = start_with_chatrooms().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    app.execute(&format!(
        "INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status, created_at, updated_at)
         SELECT gen_random_uuid(), '{chatroom}', '{}', n, 'ai', repeat('x', 10000), 'completed', now(), now()
         FROM generate_series(1, 700) n",
        user.id
    ))
    .await;
    assert_eq!(count_export(&app, &user, "message").await, (3, 700));
    for cursor in
        ["x", "1.2", "018f0000-0000-7000-8000-000000000001.-1", "018f0000-0000-7000-8000-000000000001"]
    {
        let request = app.request("GET", &format!("/api/user/export?cursor={cursor}")).by(&user);
        request.send().await.expect_invalid(&["cursor"]);
    }
}

#[tokio::test]
async fn export_of_many_chatrooms_continues_from_its_cursor() {
    let app = start_with_chatrooms().await;
    let user = app.user().await;
    app.execute(&format!(
        "INSERT INTO chatrooms (id, user_id, name, system_prompt, created_at, updated_at)
         SELECT gen_random_uuid(), '{}', 'chatroom ' || n, repeat('x', 4000), now(), now() FROM generate_series(1, 1000) n",
        user.id
    ))
    .await;
    assert_eq!(count_export(&app, &user, "chatroom").await, (2, 1000));
}

#[tokio::test]
async fn exports_are_limited() {
    let app = start_with_chatrooms().await;
    let (user, other) = (app.user().await, app.user().await);
    for _ in 0..30 {
        let _ = export(&app, &user, "").await;
    }
    let _ = app.request("GET", "/api/user/export").by(&user).send().await.expect_problem(429, "rate_limited");
    let _ = export(&app, &other, "").await;
}
