//! Creating, listing, reading, changing and deleting chatrooms.

use domain::ChatroomSort;
use serde_json::json;
use testkit::{TestApp, TestUser};

use super::start;

async fn list(app: &TestApp, user: &TestUser, query: &str) -> serde_json::Value {
    app.request("GET", &format!("/api/chatroom{query}")).by(user).send().await.expect(200).body
}

#[tokio::test]
async fn created_chatroom_is_listed() {
    let app = start().await;
    let user = app.user().await;
    let body = json!({ "name": " Plans ", "description": "For next year", "system_prompt": "Be brief." });
    let made = app.request("POST", "/api/chatroom/").by(&user).json(body).send().await.expect(201);
    assert_eq!(made.body["chatroom"]["name"], "Plans");
    assert_eq!(made.body["chatroom"]["description"], "For next year");

    let listed = list(&app, &user, "").await;
    assert_eq!(listed["chatrooms"][0]["id"], made.body["chatroom"]["id"]);
    assert_eq!(listed["chatrooms"][0]["message_count"], 0);
    assert_eq!(listed["chatrooms"][0]["last_message_at"], json!(null));
    assert_eq!((&listed["cached"], &listed["next_cursor"]), (&json!(false), &json!(null)));
    assert_eq!(app.query_value::<String>("SELECT system_prompt FROM chatrooms").await, "Be brief.");
    assert_eq!(app.query_value::<i64>("SELECT chatroom_count FROM users").await, 1);
}

#[tokio::test]
async fn chatroom_without_a_name_wants_a_title_until_it_is_named() {
    let app = start().await;
    let user = app.user().await;
    for body in [json!({}), json!({ "name": null, "description": "For next year" })] {
        let created = app.request("POST", "/api/chatroom").by(&user).json(body).send().await.expect(201);
        let (path, name) = (format!("/api/chatroom/{}", created.text("/chatroom/id")), "New chat");
        assert_eq!(created.body["chatroom"]["name"], name);
        assert_eq!(list(&app, &user, "").await["chatrooms"][0]["name"], name);
        let wanted = "SELECT title_state FROM chatrooms ORDER BY id DESC LIMIT 1";
        assert_eq!(app.query_value::<Option<String>>(wanted).await.as_deref(), Some("wanted"));
        let change = |body| app.request("PATCH", &path).by(&user).json(body).send();
        let _ = change(json!({ "description": "For this year" })).await.expect(200);
        assert_eq!(app.query_value::<Option<String>>(wanted).await.as_deref(), Some("wanted"));
        let renamed = change(json!({ "name": name })).await.expect(200);
        assert_eq!(renamed.body["chatroom"]["name"], name);
        assert_eq!(app.query_value::<Option<String>>(wanted).await, None);
    }
    let _ = app.create_chatroom(&user).await;
    let named = "SELECT count(*) FROM chatrooms WHERE title_state IS NULL AND title_due_at IS NULL";
    assert_eq!(app.query_value::<i64>(named).await, 3);
}

#[tokio::test]
async fn list_is_cached_until_a_write_invalidates_it() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    assert_eq!(list(&app, &user, "").await["cached"], false);
    let cached = list(&app, &user, "").await;
    assert_eq!((&cached["cached"], &cached["chatrooms"][0]["id"]), (&json!(true), &json!(chatroom)));

    app.send_message(&user, &chatroom, "hello").await;
    let fresh = list(&app, &user, "").await;
    assert_eq!((&fresh["cached"], &fresh["chatrooms"][0]["message_count"]), (&json!(false), &json!(1)));

    let _ = list(&app, &user, "").await;
    let path = format!("/api/chatroom/{chatroom}");
    let _ = app.request("DELETE", &path).by(&user).send().await.expect(200);
    let emptied = list(&app, &user, "").await;
    assert_eq!((&emptied["cached"], &emptied["chatrooms"]), (&json!(false), &json!([])));
}

#[tokio::test]
async fn page_read_before_a_write_is_not_cached_after_it() {
    let app = start().await;
    let owner = app.user().await.id;
    let (redis, sort) = (&app.app.redis, ChatroomSort::Activity);
    let lookup = redis.find_chatroom_list(owner, sort).await.unwrap();
    redis.invalidate_chatroom_list(owner).await.unwrap();
    redis.cache_chatroom_list(owner, sort, "stale", &lookup.version, app.app.config.cache_ttl).await.unwrap();
    let lookup = redis.find_chatroom_list(owner, sort).await.unwrap();
    assert_eq!(lookup.page, None);
    redis.cache_chatroom_list(owner, sort, "fresh", &lookup.version, app.app.config.cache_ttl).await.unwrap();
    assert_eq!(redis.find_chatroom_list(owner, sort).await.unwrap().page.as_deref(), Some("fresh"));
}

#[tokio::test]
async fn list_has_pages_newest_first() {
    let app = start().await;
    let user = app.user().await;
    let mut chatrooms = Vec::new();
    for _ in 0..5 {
        chatrooms.insert(0, app.create_chatroom(&user).await);
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = list(&app, &user, &query).await;
        let ids = page["chatrooms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|chatroom| chatroom["id"].as_str().unwrap().to_owned());
        seen.extend(ids);
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, chatrooms);
}

#[tokio::test]
async fn list_comes_from_postgres_without_redis() {
    let app = TestApp::serving(crate::routes()).var("REDIS_URL", "redis://127.0.0.1:1").start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    for _ in 0..2 {
        let listed = list(&app, &user, "").await;
        assert_eq!((&listed["cached"], &listed["chatrooms"][0]["id"]), (&json!(false), &json!(chatroom)));
    }
}

#[tokio::test]
async fn chatroom_shows_its_newest_page_oldest_message_first() {
    let app = start().await;
    let user = app.user().await;
    app.set_tier(&user, domain::Tier::Pro).await;
    let chatroom = app.create_chatroom(&user).await;
    for number in 1..=5 {
        app.send_message(&user, &chatroom, &format!("message {number}")).await;
    }
    let contents = |body: &serde_json::Value| -> Vec<String> {
        let messages = body["messages"].as_array().unwrap().iter();
        messages.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
    };
    let path = format!("/api/chatroom/{chatroom}?limit=2");
    let newest = app.request("GET", &path).by(&user).send().await.expect(200).body;
    assert_eq!(newest["chatroom"]["message_count"], 5);
    assert_eq!(contents(&newest), ["message 4", "message 5"]);
    assert_eq!(newest["messages"][0]["message_type"], "user");
    assert_eq!(newest["messages"][0]["processing_status"], "pending");

    let before = newest["next_cursor"].as_str().unwrap();
    let older =
        app.request("GET", &format!("{path}&before={before}")).by(&user).send().await.expect(200).body;
    assert_eq!(contents(&older), ["message 2", "message 3"]);
    let before = older["next_cursor"].as_str().unwrap();
    let oldest =
        app.request("GET", &format!("{path}&before={before}")).by(&user).send().await.expect(200).body;
    assert_eq!(contents(&oldest), ["message 1"]);
    assert_eq!(oldest["next_cursor"], json!(null));
}

#[tokio::test]
async fn settings_can_be_read_back() {
    let app = start().await;
    let user = app.user().await;
    let body = json!({ "name": "Plans", "system_prompt": " Be brief. " });
    let created = app.request("POST", "/api/chatroom").by(&user).json(body).send().await.expect(201);
    let path = format!("/api/chatroom/{}", created.text("/chatroom/id"));
    let read = async || app.request("GET", &path).by(&user).send().await.expect(200).body["chatroom"].clone();
    assert_eq!(read().await["system_prompt"], "Be brief.");
    let change = |body| app.request("PATCH", &path).by(&user).json(body).send();
    let renamed = change(json!({ "name": "New" })).await.expect(200);
    assert_eq!(renamed.body["chatroom"]["system_prompt"], "Be brief.");
    let blank = change(json!({ "system_prompt": "\u{200b}\u{3164}" })).await.expect(200);
    assert_eq!(blank.body["chatroom"]["system_prompt"], json!(null));
    assert_eq!(read().await["system_prompt"], json!(null));
}

#[tokio::test]
async fn longest_settings_are_accepted_in_escapes() {
    let app = start().await;
    let user = app.user().await;
    let text = |count| "\\ud83d\\ude00".repeat(count);
    let body = format!(
        "{{\"name\":\"{}\",\"description\":\"{}\",\"system_prompt\":\"{}\"}}",
        text(255),
        text(1_000),
        text(4_000)
    );
    let request = app.request("POST", "/api/chatroom").by(&user).body(&body);
    let created = request.header("content-type", "application/json").send().await.expect(201);
    assert_eq!(created.body["chatroom"]["name"], "😀".repeat(255));
}

#[tokio::test]
async fn deleting_a_chatroom_deletes_its_messages_and_counts() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let message = app.send_message(&user, &chatroom, "hello").await;
    let _ = app.event("chatroom-delete", Some(&user), Some(&chatroom)).send().await.expect(200);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM messages").await, 0);
    assert_eq!(app.query_value::<i64>("SELECT chatroom_count + message_count FROM users").await, 0);
    for path in [format!("/api/chatroom/{chatroom}"), format!("/api/chatroom/message/{message}/status")] {
        let _ = app.request("GET", &path).by(&user).send().await.expect_problem(404, "not_found");
    }
    let again = app.request("DELETE", &format!("/api/chatroom/{chatroom}")).by(&user).send().await;
    let _ = again.expect_problem(404, "not_found");
}

#[tokio::test]
async fn validation_errors_name_fields_and_parameters() {
    let app = start().await;
    let user = app.user().await;
    let post = |body| app.request("POST", "/api/chatroom").by(&user).json(body).send();
    post(json!({ "name": "" })).await.expect_invalid(&["name"]);
    post(json!({ "name": 5 })).await.expect_invalid(&["name"]);
    post(json!({ "name": "  " })).await.expect_invalid(&["name"]);
    post(json!({ "name": "\u{3164}\u{200b}" })).await.expect_invalid(&["name"]);
    post(json!({ "name": "x".repeat(256), "description": "x".repeat(1001), "system_prompt": "x".repeat(4001) }))
        .await
        .expect_invalid(&["name", "description", "system_prompt"]);
    post(json!({ "name": "a", "description": 5 })).await.expect_invalid(&["description"]);
    let _ = post(json!({ "name": "a", "description": null, "system_prompt": "" })).await.expect(201);
    let chatroom = app.create_chatroom(&user).await;
    for (path, field) in [
        ("/api/chatroom?limit=0".to_owned(), "limit"),
        ("/api/chatroom?limit=101".to_owned(), "limit"),
        ("/api/chatroom?limit=many".to_owned(), "limit"),
        ("/api/chatroom?cursor=nonsense".to_owned(), "cursor"),
        ("/api/chatroom?sort=name".to_owned(), "sort"),
        ("/api/chatroom?sort=".to_owned(), "sort"),
        (format!("/api/chatroom/{chatroom}?before=nonsense"), "before"),
        (format!("/api/chatroom/{chatroom}?before=-1"), "before"),
        (format!("/api/chatroom/{chatroom}?before=0"), "before"),
        (format!("/api/chatroom/{chatroom}?before=01"), "before"),
        (format!("/api/chatroom/{chatroom}?before="), "before"),
        (format!("/api/chatroom/{chatroom}?limit=1e3"), "limit"),
    ] {
        app.request("GET", &path).by(&user).send().await.expect_invalid(&[field]);
    }
}

#[tokio::test]
async fn example_events_are_accepted() {
    let app = start().await;
    let user = app.user().await;
    let _ = app.event("chatroom-create", Some(&user), None).send().await.expect(201);
    let _ = app.event("chatroom-list", Some(&user), None).send().await.expect(200);
    let chatroom = app.create_chatroom(&user).await;
    let _ = app.event("chatroom-get", Some(&user), Some(&chatroom)).send().await.expect(200);
    let sent = app.event("chatroom-send-message", Some(&user), Some(&chatroom)).send().await.expect(201);
    let message = sent.text("/message/id");
    let request = app.request("GET", &format!("/api/chatroom/message/{message}/status")).by(&user);
    let _ = request.send().await.expect(200);
    let unknown = app.event("chatroom-message-status", Some(&user), None).send().await;
    let _ = unknown.expect_problem(404, "not_found");
}

#[tokio::test]
async fn update_changes_only_the_given_fields() {
    let app = start().await;
    let user = app.user().await;
    let body = json!({ "name": "old", "description": "about", "system_prompt": "Be brief." });
    let created = app.request("POST", "/api/chatroom").by(&user).json(body).send().await.expect(201);
    let path = format!("/api/chatroom/{}", created.text("/chatroom/id"));
    let change = |body| app.request("PATCH", &path).by(&user).json(body).send();
    let _ = app.request("GET", "/api/chatroom").by(&user).send().await.expect(200);

    let renamed = change(json!({ "name": " new " })).await.expect(200).body["chatroom"].clone();
    assert_eq!((&renamed["name"], &renamed["description"]), (&json!("new"), &json!("about")));
    let list = app.request("GET", "/api/chatroom").by(&user).send().await.expect(200).body;
    assert_eq!((&list["cached"], &list["chatrooms"][0]["name"]), (&json!(false), &json!("new")));
    let bare = change(json!({ "description": null, "system_prompt": "" })).await.expect(200).body["chatroom"]
        .clone();
    assert_eq!((&bare["name"], &bare["description"]), (&json!("new"), &json!(null)));
    assert!(app.query_value::<bool>("SELECT system_prompt IS NULL FROM chatrooms").await);
    let _ = change(json!({ "system_prompt": "Be long." })).await.expect(200);
    assert_eq!(app.query_value::<String>("SELECT system_prompt FROM chatrooms").await, "Be long.");
}

#[tokio::test]
async fn invalid_update_is_a_validation_error() {
    let app = start().await;
    let (user, other) = (app.user().await, app.user().await);
    let path = format!("/api/chatroom/{}", app.create_chatroom(&user).await);
    let change = |by, body| app.request("PATCH", &path).by(by).json(body).send();
    change(&user, json!({})).await.expect_invalid(&["body"]);
    change(&user, json!({ "name": null })).await.expect_invalid(&["body"]);
    change(&user, json!({ "name": " " })).await.expect_invalid(&["name"]);
    change(&user, json!({ "name": "\u{ad}\u{2060}" })).await.expect_invalid(&["name"]);
    change(&user, json!({ "description": "x".repeat(1_001), "system_prompt": 7 }))
        .await
        .expect_invalid(&["system_prompt"]);
    let _ = change(&other, json!({ "name": "mine" })).await.expect_problem(404, "not_found");
    assert_eq!(app.query_value::<String>("SELECT name FROM chatrooms").await, "A chatroom");
}
