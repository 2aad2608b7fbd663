//! Deleting accounts.

use domain::quota;
use secrecy::ExposeSecret as _;
use serde_json::json;
use store::account_deletion;
use store::generations::account;
use testkit::{PASSWORD, Response, TestApp, TestUser};

use super::{insert_answer, start_with_chatrooms};

async fn delete(app: &TestApp, user: &TestUser, password: &str) -> Response {
    app.request("DELETE", "/api/user/me").by(user).json(json!({ "password": password })).send().await
}

/// Counts the rows of all users.
const ROWS: &str =
    "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM sessions) + (SELECT count(*) FROM chatrooms)
    + (SELECT count(*) FROM messages) + (SELECT count(*) FROM daily_usage) + (SELECT count(*) FROM feedback)";

#[tokio::test]
async fn deleted_account_leaves_no_rows_and_ends_its_sessions() {
    let app = start_with_chatrooms().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let answer = insert_answer(&app, &user, &chatroom).await;
    let give = app.request("POST", &format!("/api/chatroom/message/{answer}/feedback")).by(&user);
    let _ = give.json(json!({ "rating": "up", "comment": "Thanks" })).send().await.expect(200);
    let _ = delete(&app, &user, "not the password").await.expect_problem(400, "wrong_password");
    assert!(app.query_value::<i64>(ROWS).await > 0);

    let _ = delete(&app, &user, PASSWORD).await.expect(200);

    assert_eq!(app.query_value::<i64>(ROWS).await, 0);
    let refused = app.request("GET", "/api/user/me").by(&user).send().await;
    let _ = refused.expect_problem(401, "not_authenticated");
    let _ = delete(&app, &user, PASSWORD).await.expect_problem(401, "not_authenticated");
}

#[tokio::test]
async fn only_a_hash_and_four_counts_outlive_the_account_until_midnight() {
    const RETIRED: &str = "SELECT string_agg(to_jsonb(retired_usage)::text, ' ') FROM retired_usage";
    let app = start_with_chatrooms().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let _ = app.send_message(&user, &chatroom, "hello").await;
    let _ = delete(&app, &user, PASSWORD).await.expect(200);
    let row: serde_json::Value = serde_json::from_str(&app.query_value::<String>(RETIRED).await).unwrap();
    let day = app.app.clock.now().date_naive().to_string();
    assert_eq!((&row["messages"], &row["refunds"], row["day"].as_str()), (&json!(1), &json!(0), Some(&*day)));
    assert_eq!((&row["cost_micro_usd"], &row["reached_cap_micro_usd"]), (&json!(0), &json!(0)));
    assert_eq!(row.as_object().unwrap().len(), 6, "{row}");
    assert_eq!(row["number_hash"].as_str().unwrap().len(), "\\x".len() + 2 * 32);

    let db = app.app.db().await.unwrap();
    let tomorrow = app.app.clock.now().date_naive().succ_opt().unwrap();
    account_deletion::delete_retired_usage(&db, tomorrow).await.unwrap();
    assert_eq!(app.query_value::<Option<String>>(RETIRED).await, None);
}

#[tokio::test]
async fn use_of_an_account_in_an_earlier_spelling_is_kept_for_todays() {
    let app = start_with_chatrooms().await;
    let user = app.user().await;
    app.execute("UPDATE users SET mobile_number = '+5215512345678'").await;
    let chatroom = app.create_chatroom(&user).await;
    let _ = app.send_message(&user, &chatroom, "hello").await;
    let _ = delete(&app, &user, PASSWORD).await.expect(200);
    let key = app.app.config.jwt_secret.expose_secret().as_bytes();
    let kept: Vec<u8> = app.query_value("SELECT number_hash FROM retired_usage").await;
    assert_eq!(kept, quota::number_hash(key, &"+525512345678".into()));
}

#[tokio::test]
async fn deletion_keeps_the_data_of_other_users() {
    let app = start_with_chatrooms().await;
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
    let app = start_with_chatrooms().await;
    let user = app.user().await;
    for _ in 0..3 {
        let chatroom = app.create_chatroom(&user).await;
        let _ = app.send_message(&user, &chatroom, "hello").await;
    }
    let (mut db, now) = (app.app.db().await.unwrap(), app.app.clock.now());
    let hash: String = app.query_value("SELECT password_hash FROM users").await;
    assert_eq!(account_deletion::start(&mut db, user.id, "another", b"h", now).await.unwrap(), None);
    assert_eq!(account_deletion::start(&mut db, user.id, &hash, b"h", now).await.unwrap().unwrap().len(), 1);
    assert_eq!(app.query_value::<Option<String>>("SELECT mobile_number FROM users").await, None);
    account::cancel_all(&db, user.id, now).await.unwrap();
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM messages WHERE sweep_at IS NOT NULL").await, 0);
    let mut steps = 0;
    while account_deletion::delete_batch(&db, user.id, 2).await.unwrap() {
        steps += 1;
    }
    assert_eq!((steps, app.query_value::<i64>(ROWS).await), (4, 0));
}

#[tokio::test]
async fn active_account_is_not_deleted() {
    let app = start_with_chatrooms().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let _ = app.send_message(&user, &chatroom, "hello").await;
    let before: i64 = app.query_value(ROWS).await;
    assert!(!account_deletion::delete_batch(&app.app.db().await.unwrap(), user.id, 100).await.unwrap());
    assert_eq!(app.query_value::<i64>(ROWS).await, before);
}

#[tokio::test]
async fn concurrent_deletions_of_one_account_keep_to_their_batches() {
    let app = start_with_chatrooms().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    for _ in 0..5 {
        let _ = app.send_message(&user, &chatroom, "hello").await;
    }
    let hash: String = app.query_value("SELECT password_hash FROM users").await;
    let (mut a, b) = (app.app.db().await.unwrap(), app.app.db().await.unwrap());
    let _ =
        account_deletion::start(&mut a, user.id, &hash, b"h", app.app.clock.now()).await.unwrap().unwrap();
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
