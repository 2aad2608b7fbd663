//! Exporting and deleting accounts.

use serde_json::{Value, json};
use store::account_deletion;
use testkit::{PASSWORD, Response, TestApp, TestUser};

async fn start() -> TestApp {
    TestApp::serving(crate::routes().merge(chatroom::routes())).start().await
}

async fn export(app: &TestApp, user: &TestUser, query: &str) -> Vec<Value> {
    let request = app.request("GET", &format!("/api/user/export{query}")).by(user);
    let response = request.send().await.expect(200);
    assert_eq!(response.header("content-type"), Some("application/x-ndjson"));
    response.body.as_str().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn delete(app: &TestApp, user: &TestUser, password: &str) -> Answer {
    app.request("DELETE", "/api/user/me").by(user).json(json!({ "password": password })).send().await
}

/// The `type` of each line.
fn types(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["type"].as_str().unwrap()).collect()
}

/// Counts the rows of all users.
const ROWS: &str =
    "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM sessions) + (SELECT count(*) FROM chatrooms)
    + (SELECT count(*) FROM messages) + (SELECT count(*) FROM daily_usage)";

#[tokio::test]
async fn export_contains_all_data_of_the_owner_in_order() {
    let app = start().await;
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
    let lines = export(&app, &user, "").await;
    assert_eq!(
        types(&lines),
        ["account", "session", "usage", "chatroom", "message", "message", "message", "chatroom", "end"]
    );
    assert_eq!(lines[0]["mobile_number"], user.mobile_number.as_str());
    assert_eq!((&lines[0]["message_count"], &lines[2]["messages"]), (&json!(3), &json!(3)));
    assert_eq!((&lines[3]["id"], &lines[4]["chatroom_id"]), (&json!(first), &json!(first)));
    assert_eq!(lines[6]["content"], "question 2\nwith a line");
    assert!(!json!(lines).to_string().contains("not mine"));
    let _ = app.request("GET", "/api/user/export").send().await.expect_problem(401, "not_authenticated");
}

#[tokio::test]
async fn large_export_continues_from_its_cursor_without_gaps() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    app.execute(&format!(
        "INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status, created_at, updated_at)
         SELECT gen_random_uuid(), '{chatroom}', '{}', n, 'ai', repeat('x', 10000), 'completed', now(), now()
         FROM generate_series(1, 700) n",
        user.id
    ))
    .await;
    let (mut query, mut responses, mut messages) = (String::new(), 0, 0);
    loop {
        let lines = export(&app, &user, &query).await;
        responses += 1;
        messages += types(&lines).iter().filter(|name| **name == "message").count();
        let last = lines.last().unwrap();
        if last["type"] == "end" {
            break;
        }
        assert_eq!(last["type"], "continue");
        query = format!("?cursor={}", last["cursor"].as_str().unwrap());
    }
    assert_eq!((responses, messages), (3, 700));
    for cursor in
        ["x", "1.2", "018f0000-0000-7000-8000-000000000001.-1", "018f0000-0000-7000-8000-000000000001"]
    {
        let request = app.request("GET", &format!("/api/user/export?cursor={cursor}")).by(&user);
        request.send().await.expect_invalid(&["cursor"]);
    }
}

#[tokio::test]
async fn deleted_account_leaves_no_rows_and_ends_its_sessions() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let _ = app.send_message(&user, &chatroom, "hello").await;
    let _ = delete(&app, &user, "not the password").await.expect_problem(401, "invalid_credentials");
    assert!(app.query_value::<i64>(ROWS).await > 0);

    let _ = delete(&app, &user, PASSWORD).await.expect(200);

    assert_eq!(app.query_value::<i64>(ROWS).await, 0);
    let refused = app.request("GET", "/api/user/me").by(&user).send().await;
    let _ = refused.expect_problem(401, "not_authenticated");
    let _ = delete(&app, &user, PASSWORD).await.expect_problem(401, "not_authenticated");
}

#[tokio::test]
async fn deletion_keeps_the_data_of_other_users() {
    let app = start().await;
    let (user, other) = (app.user().await, app.user().await);
    let chatroom = app.create_chatroom(&other).await;
    let _ = app.send_message(&other, &chatroom, "hello").await;
    let before: i64 = app.query_value(ROWS).await;
    let _ = delete(&app, &user, PASSWORD).await.expect(200);
    assert_eq!(app.query_value::<i64>(ROWS).await, before - 2);
    let _ = app.request("GET", "/api/user/me").by(&other).send().await.expect(200);
}

#[tokio::test]
async fn deletion_works_in_batches_and_cancels_unfinished_messages() {
    let app = start().await;
    let user = app.user().await;
    for _ in 0..3 {
        let chatroom = app.create_chatroom(&user).await;
        let _ = app.send_message(&user, &chatroom, "hello").await;
    }
    let (mut db, now) = (app.app.db().await.unwrap(), app.app.clock.now());
    let hash: String = app.query_value("SELECT password_hash FROM users").await;
    assert_eq!(account_deletion::start(&mut db, user.id, "another", now).await.unwrap(), None);
    assert_eq!(account_deletion::start(&mut db, user.id, &hash, now).await.unwrap().unwrap().len(), 1);
    assert_eq!(app.query_value::<Option<String>>("SELECT mobile_number FROM users").await, None);
    account_deletion::cancel_messages(&db, user.id, now).await.unwrap();
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM messages WHERE sweep_at IS NOT NULL").await, 0);
    let mut steps = 0;
    while account_deletion::delete_batch(&db, user.id, 2).await.unwrap() {
        steps += 1;
    }
    assert_eq!((steps, app.query_value::<i64>(ROWS).await), (4, 0));
}

#[tokio::test]
async fn active_account_is_not_deleted() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let _ = app.send_message(&user, &chatroom, "hello").await;
    let before: i64 = app.query_value(ROWS).await;
    assert!(!account_deletion::delete_batch(&app.app.db().await.unwrap(), user.id, 100).await.unwrap());
    assert_eq!(app.query_value::<i64>(ROWS).await, before);
}

#[tokio::test]
async fn export_of_many_chatrooms_continues_from_its_cursor() {
    let app = start().await;
    let user = app.user().await;
    app.execute(&format!(
        "INSERT INTO chatrooms (id, user_id, name, system_prompt, created_at, updated_at)
         SELECT gen_random_uuid(), '{}', 'chatroom ' || n, repeat('x', 4000), now(), now() FROM generate_series(1, 1000) n",
        user.id
    ))
    .await;
    let (mut query, mut responses, mut chatrooms) = (String::new(), 0, 0);
    loop {
        let lines = export(&app, &user, &query).await;
        responses += 1;
        chatrooms += types(&lines).iter().filter(|name| **name == "chatroom").count();
        let last = lines.last().unwrap();
        if last["type"] == "end" {
            break;
        }
        query = format!("?cursor={}", last["cursor"].as_str().unwrap());
    }
    assert_eq!((responses, chatrooms), (2, 1000));
}

#[tokio::test]
async fn concurrent_deletions_of_one_account_keep_to_their_batches() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    for _ in 0..5 {
        let _ = app.send_message(&user, &chatroom, "hello").await;
    }
    let hash: String = app.query_value("SELECT password_hash FROM users").await;
    let (mut a, b) = (app.app.db().await.unwrap(), app.app.db().await.unwrap());
    let _ = account_deletion::start(&mut a, user.id, &hash, app.app.clock.now()).await.unwrap().unwrap();
    // While another transaction has locked the messages, a batch waits and keeps the chatroom.
    let lock = a.transaction().await.unwrap();
    lock.batch_execute("SELECT FROM messages FOR UPDATE").await.unwrap();
    let step = tokio::time::timeout(
        std::time::Duration::from_millis(300),
        account_deletion::delete_batch(&b, user.id, 2),
    )
    .await;
    assert!(step.is_err() && app.query_value::<i64>("SELECT count(*) FROM chatrooms").await == 1);
    lock.rollback().await.unwrap();
    drop(b);
    while account_deletion::delete_batch(&a, user.id, 2).await.unwrap() {}
    assert_eq!(app.query_value::<i64>(ROWS).await, 0);
}
