//! Taking everything along, and leaving nothing behind.

use serde_json::{Value, json};
use store::account_deletion;
use testkit::{Answer, PASSWORD, Person, TestApp};

async fn start() -> TestApp {
    TestApp::serving(crate::routes().merge(chatroom::routes())).start().await
}

async fn export(app: &TestApp, person: &Person, query: &str) -> Vec<Value> {
    let request = app.request("GET", &format!("/api/user/export{query}")).by(person);
    let answer = request.send().await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    answer.body.as_str().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn delete(app: &TestApp, person: &Person, password: &str) -> Answer {
    app.request("DELETE", "/api/user/me").by(person).json(json!({ "password": password })).send().await
}

fn kinds(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["type"].as_str().unwrap()).collect()
}

/// Everything that anybody has, in rows.
const ROWS: &str =
    "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM sessions) + (SELECT count(*) FROM chatrooms)
    + (SELECT count(*) FROM messages) + (SELECT count(*) FROM daily_usage)";

#[tokio::test]
async fn an_export_has_everything_in_its_order_and_nobody_elses() {
    let app = start().await;
    let (person, other) = (app.person().await, app.person().await);
    let (first, _empty, others) = (app.room(&person).await, app.room(&person).await, app.room(&other).await);
    let _ = app.message(&other, &others, "not mine").await;
    for number in 0..3 {
        let _ = app.message(&person, &first, &format!("question {number}\nwith a line")).await;
    }
    let lines = export(&app, &person, "").await;
    assert_eq!(
        kinds(&lines),
        ["account", "session", "usage", "chatroom", "message", "message", "message", "chatroom", "end"]
    );
    assert_eq!(lines[0]["mobile_number"], person.mobile_number.as_str());
    assert_eq!((&lines[0]["message_count"], &lines[2]["messages"]), (&json!(3), &json!(3)));
    assert_eq!((&lines[3]["id"], &lines[4]["chatroom_id"]), (&json!(first), &json!(first)));
    assert_eq!(lines[6]["content"], "question 2\nwith a line");
    assert!(!json!(lines).to_string().contains("not mine"));
    let _ = app.request("GET", "/api/user/export").send().await.expect_problem(401, "not_authenticated");
}

#[tokio::test]
async fn a_large_export_goes_on_from_its_cursor_without_a_gap() {
    let app = start().await;
    let person = app.person().await;
    let room = app.room(&person).await;
    app.execute(&format!(
        "INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status, created_at, updated_at)
         SELECT gen_random_uuid(), '{room}', '{}', n, 'ai', repeat('x', 10000), 'completed', now(), now()
         FROM generate_series(1, 700) n",
        person.id
    ))
    .await;
    let (mut query, mut answers, mut messages) = (String::new(), 0, 0);
    loop {
        let lines = export(&app, &person, &query).await;
        answers += 1;
        messages += kinds(&lines).iter().filter(|kind| **kind == "message").count();
        let last = lines.last().unwrap();
        if last["type"] == "end" {
            break;
        }
        assert_eq!(last["type"], "continue");
        query = format!("?cursor={}", last["cursor"].as_str().unwrap());
    }
    assert_eq!((answers, messages), (3, 700));
    for cursor in
        ["x", "1.2", "018f0000-0000-7000-8000-000000000001.-1", "018f0000-0000-7000-8000-000000000001"]
    {
        let request = app.request("GET", &format!("/api/user/export?cursor={cursor}")).by(&person);
        request.send().await.expect_invalid(&["cursor"]);
    }
}

#[tokio::test]
async fn a_deleted_account_leaves_nothing_and_its_number_is_free() {
    let app = start().await;
    let person = app.person().await;
    let room = app.room(&person).await;
    let _ = app.message(&person, &room, "hello").await;
    let _ = delete(&app, &person, "not the password").await.expect_problem(401, "invalid_credentials");
    assert!(app.stored::<i64>(ROWS).await > 0);

    let _ = delete(&app, &person, PASSWORD).await.expect(200);

    assert_eq!(app.stored::<i64>(ROWS).await, 0);
    let gone = app.request("GET", "/api/user/me").by(&person).send().await;
    let _ = gone.expect_problem(401, "not_authenticated");
    let _ = delete(&app, &person, PASSWORD).await.expect_problem(401, "not_authenticated");
}

#[tokio::test]
async fn a_deletion_touches_nobody_else() {
    let app = start().await;
    let (person, other) = (app.person().await, app.person().await);
    let room = app.room(&other).await;
    let _ = app.message(&other, &room, "hello").await;
    let before: i64 = app.stored(ROWS).await;
    let _ = delete(&app, &person, PASSWORD).await.expect(200);
    assert_eq!(app.stored::<i64>(ROWS).await, before - 2);
    let _ = app.request("GET", "/api/user/me").by(&other).send().await.expect(200);
}

#[tokio::test]
async fn a_deletion_is_made_in_short_steps_and_nothing_of_it_reaches_the_model() {
    let app = start().await;
    let person = app.person().await;
    for _ in 0..3 {
        let room = app.room(&person).await;
        let _ = app.message(&person, &room, "hello").await;
    }
    let (mut db, now) = (app.app.db().await.unwrap(), app.app.clock.now());
    let hash: String = app.stored("SELECT password_hash FROM users").await;
    assert_eq!(account_deletion::start(&mut db, person.id, "another", now).await.unwrap(), None);
    assert_eq!(account_deletion::start(&mut db, person.id, &hash, now).await.unwrap().unwrap().len(), 1);
    assert_eq!(app.stored::<Option<String>>("SELECT mobile_number FROM users").await, None);
    account_deletion::cancel_messages(&db, person.id, now).await.unwrap();
    assert_eq!(app.stored::<i64>("SELECT count(*) FROM messages WHERE sweep_at IS NOT NULL").await, 0);
    let mut steps = 0;
    while account_deletion::delete_batch(&db, person.id, 2).await.unwrap() {
        steps += 1;
    }
    assert_eq!((steps, app.stored::<i64>(ROWS).await), (4, 0));
}

#[tokio::test]
async fn an_account_whose_deletion_has_not_begun_is_not_purged() {
    let app = start().await;
    let person = app.person().await;
    let room = app.room(&person).await;
    let _ = app.message(&person, &room, "hello").await;
    let before: i64 = app.stored(ROWS).await;
    assert!(!account_deletion::delete_batch(&app.app.db().await.unwrap(), person.id, 100).await.unwrap());
    assert_eq!(app.stored::<i64>(ROWS).await, before);
}

#[tokio::test]
async fn an_export_of_very_many_rooms_goes_on_from_its_cursor_too() {
    let app = start().await;
    let person = app.person().await;
    app.execute(&format!(
        "INSERT INTO chatrooms (id, user_id, name, system_prompt, created_at, updated_at)
         SELECT gen_random_uuid(), '{}', 'room ' || n, repeat('x', 4000), now(), now() FROM generate_series(1, 1000) n",
        person.id
    ))
    .await;
    let (mut query, mut answers, mut rooms) = (String::new(), 0, 0);
    loop {
        let lines = export(&app, &person, &query).await;
        answers += 1;
        rooms += kinds(&lines).iter().filter(|kind| **kind == "chatroom").count();
        let last = lines.last().unwrap();
        if last["type"] == "end" {
            break;
        }
        query = format!("?cursor={}", last["cursor"].as_str().unwrap());
    }
    assert_eq!((answers, rooms), (2, 1000));
}

#[tokio::test]
async fn two_that_purge_one_account_do_so_in_short_steps() {
    let app = start().await;
    let person = app.person().await;
    let room = app.room(&person).await;
    for _ in 0..5 {
        let _ = app.message(&person, &room, "hello").await;
    }
    let hash: String = app.stored("SELECT password_hash FROM users").await;
    let (mut a, b) = (app.app.db().await.unwrap(), app.app.db().await.unwrap());
    let _ = account_deletion::start(&mut a, person.id, &hash, app.app.clock.now()).await.unwrap().unwrap();
    // While another holds the messages, the room is not taken along with them.
    let held = a.transaction().await.unwrap();
    held.batch_execute("SELECT FROM messages FOR UPDATE").await.unwrap();
    let step = tokio::time::timeout(
        std::time::Duration::from_millis(300),
        account_deletion::delete_batch(&b, person.id, 2),
    )
    .await;
    assert!(step.is_err() && app.stored::<i64>("SELECT count(*) FROM chatrooms").await == 1);
    held.rollback().await.unwrap();
    drop(b);
    while account_deletion::delete_batch(&a, person.id, 2).await.unwrap() {}
    assert_eq!(app.stored::<i64>(ROWS).await, 0);
}
