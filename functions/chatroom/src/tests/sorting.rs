//! The list of chatrooms by creation and by activity.

use domain::{ChatroomSort, Tier, UserId};
use serde_json::{Value, json};
use testkit::{TestApp, TestUser};

use super::start;

async fn list(app: &TestApp, user: &TestUser, query: &str) -> Value {
    app.request("GET", &format!("/api/chatroom?{query}")).by(user).send().await.expect(200).body
}

fn ids(page: &Value) -> Vec<String> {
    let chatrooms = page["chatrooms"].as_array().unwrap().iter();
    chatrooms.map(|chatroom| chatroom["id"].as_str().unwrap().to_owned()).collect()
}

/// Chatrooms of `user`, the oldest first, each active at the minute given beside it; `None`: without
/// messages, and created a minute after the one before.
async fn create(app: &TestApp, user: &TestUser, active: &[Option<i32>]) -> Vec<String> {
    let mut chatrooms = Vec::new();
    for (minute, active) in active.iter().enumerate() {
        let chatroom = app.create_chatroom(user).await;
        let at =
            |minute: i32| format!("'2026-11-27T10:00:00.000001Z'::timestamptz + interval '{minute} min'");
        let active = active.map_or("NULL".to_owned(), at);
        let created = at(i32::try_from(minute).unwrap());
        app.execute(&format!(
            "UPDATE chatrooms SET created_at = {created}, last_message_at = {active} WHERE id = '{chatroom}'"
        ))
        .await;
        chatrooms.push(chatroom);
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    chatrooms
}

/// The ids of all pages of two.
async fn read_all(app: &TestApp, user: &TestUser, sort: &str) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = list(app, user, &format!("sort={sort}&limit=2{cursor}")).await;
        seen.extend(ids(&page));
        let Some(next) = page["next_cursor"].as_str() else { return seen };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn pages_by_activity_begin_with_the_latest_message() {
    let app = start().await;
    let (user, stranger) = (app.user().await, app.user().await);
    let rooms = create(&app, &user, &[Some(50), None, Some(20), None, Some(30), Some(20)]).await;
    let _ = create(&app, &stranger, &[Some(40), None]).await;
    // Without messages: from the creation, at minutes 1 and 3. Two were active in the same microsecond.
    let by_activity: Vec<_> = [0, 4, 5, 2, 3, 1].map(|place| rooms[place].clone()).into();
    assert_eq!(read_all(&app, &user, "activity").await, by_activity);
    let by_creation: Vec<_> = rooms.iter().rev().cloned().collect();
    assert_eq!(read_all(&app, &user, "created").await, by_creation);
    assert_eq!(ids(&list(&app, &user, "").await), by_creation);
}

#[tokio::test]
async fn pages_go_on_after_their_cursor_while_chatrooms_are_added_and_become_active() {
    let app = start().await;
    let user = app.user().await;
    app.set_tier(&user, Tier::Pro).await;
    let rooms = create(&app, &user, &[Some(10), Some(20), Some(30), Some(40), Some(50)]).await;
    for (sort, rest) in [("activity", [2, 1]), ("created", [2, 1])] {
        let first = list(&app, &user, &format!("sort={sort}&limit=2")).await;
        let _ = app.create_chatroom(&user).await;
        let newest = ids(&first)[0].clone();
        app.send_message(&user, &newest, "hello").await;
        let next = first["next_cursor"].as_str().unwrap();
        let second = list(&app, &user, &format!("sort={sort}&limit=2&cursor={next}")).await;
        assert_eq!(ids(&second), rest.map(|place| rooms[place].clone()), "{sort}");
        app.execute("DELETE FROM messages").await;
        let added = format!("DELETE FROM chatrooms WHERE id NOT IN ('{}')", rooms.join("','"));
        app.execute(&added).await;
        let again = "UPDATE chatrooms SET last_message_at = created_at + interval '1 hour'";
        app.execute(again).await;
    }
}

#[tokio::test]
async fn cursor_of_one_order_is_refused_in_the_other() {
    let app = start().await;
    let user = app.user().await;
    let _ = create(&app, &user, &[Some(1), Some(2)]).await;
    for (sort, other) in [("activity", "created"), ("created", "activity")] {
        let next = list(&app, &user, &format!("sort={sort}&limit=1")).await["next_cursor"].clone();
        let path = format!("/api/chatroom?sort={other}&cursor={}", next.as_str().unwrap());
        let refused = app.request("GET", &path).by(&user).send().await;
        let said = refused.body["errors"][0].as_str().unwrap().to_owned();
        refused.expect_invalid(&["cursor"]);
        assert_eq!(said, format!("cursor: is that of a page with sort={sort}, not sort={other}"));
    }
}

#[tokio::test]
async fn each_order_is_cached_by_itself_and_a_write_invalidates_both() {
    let app = start().await;
    let user = app.user().await;
    let rooms = create(&app, &user, &[Some(9), Some(2)]).await;
    let orders = [("created", [1, 0]), ("activity", [0, 1])];
    for is_cached in [false, true] {
        for (sort, order) in orders {
            let page = list(&app, &user, &format!("sort={sort}")).await;
            assert_eq!(page["cached"], is_cached, "{sort}");
            assert_eq!(ids(&page), order.map(|place| rooms[place].clone()), "{sort}");
        }
    }
    app.send_message(&user, &rooms[1], "hello").await;
    for (sort, _) in orders {
        let page = list(&app, &user, &format!("sort={sort}")).await;
        assert_eq!((&page["cached"], ids(&page)[0].as_str()), (&json!(false), rooms[1].as_str()), "{sort}");
    }
}

#[tokio::test]
async fn page_cached_later_does_not_prolong_the_other_one() {
    use std::time::Duration;
    let app = start().await;
    let (owner, redis) = (UserId::new(app.app.clock.now()), &app.app.redis);
    let cache = async |sort, ttl| redis.cache_chatroom_list(owner, sort, "page", "", ttl).await.unwrap();
    cache(ChatroomSort::Created, Duration::from_secs(1)).await;
    cache(ChatroomSort::Activity, Duration::from_mins(10)).await;
    let find = async |sort| redis.find_chatroom_list(owner, sort).await.unwrap().page;
    assert_eq!(find(ChatroomSort::Activity).await.as_deref(), Some("page"));
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!((find(ChatroomSort::Created).await, find(ChatroomSort::Activity).await), (None, None));
}

#[tokio::test]
async fn index_gives_the_order_by_activity() {
    let app = start().await;
    let user = app.user().await;
    app.execute(&format!(
        "INSERT INTO chatrooms (id, user_id, name, last_message_at, created_at, updated_at)
         SELECT gen_random_uuid(), '{}', 'room', now() - n * interval '1 min', now() - interval '1 year', now()
         FROM generate_series(1, 5000) n; ANALYZE chatrooms",
        user.id
    ))
    .await;
    let db = app.app.db().await.unwrap();
    let read = store::chatrooms::list_by_activity(&db, user.id, None, 51).await.unwrap();
    let sql = "SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%ORDER BY coalesce%'
        AND statement NOT LIKE '%pg_prepared_statements%'";
    let statement: String = db.query_one(sql, &[]).await.unwrap().get(0);
    db.batch_execute(&format!("SET plan_cache_mode = force_generic_plan; PREPARE explained AS {statement}"))
        .await
        .unwrap();
    let explain = format!("EXPLAIN EXECUTE explained ('{}', now(), '{}', 51)", user.id, read[50].id);
    let rows = db.query(&explain, &[]).await.unwrap();
    let plan: String = rows.iter().map(|row| row.get::<_, String>(0)).collect();
    db.batch_execute("DEALLOCATE explained; RESET plan_cache_mode").await.unwrap();
    assert!(plan.contains("Index Scan Backward using chatrooms_activity_idx"), "{plan}");
    assert!(!plan.contains("Sort") && !plan.contains("Filter: ((ROW"), "{plan}");
}
