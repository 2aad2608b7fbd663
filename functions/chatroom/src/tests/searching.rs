//! Searching messages by words.

use serde_json::json;
use testkit::{Response, TestApp, TestUser};

use super::start;

/// Stores a finished message of `user` with the text `content`.
async fn insert_finished(app: &TestApp, user: &TestUser, chatroom: &str, content: &str) -> String {
    let id = app.send_message(user, chatroom, content).await;
    app.execute(&format!(
        "UPDATE messages SET processing_status = 'failed', sweep_at = NULL WHERE id = '{id}'"
    ))
    .await;
    id
}

async fn search(app: &TestApp, user: &TestUser, query: &str) -> Response {
    app.request("GET", &format!("/api/chatroom/search?{query}")).by(user).send().await
}

async fn found(app: &TestApp, user: &TestUser, query: &str) -> Vec<String> {
    let response = search(app, user, query).await.expect(200);
    let results = response.body["results"].as_array().unwrap().iter();
    results.map(|result| result["message_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn search_finds_messages_by_words_newest_first() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let long =
        format!("{} The Größte fish of all swims here. {}", "before ".repeat(200), "after ".repeat(200));
    let (a, b) = (
        insert_finished(&app, &user, &chatroom, "A fish, two FISHES").await,
        insert_finished(&app, &user, &chatroom, &long).await,
    );
    assert_eq!(found(&app, &user, "q=fish").await, [b.clone(), a.clone()]);
    assert_eq!(found(&app, &user, "q=gr%C3%B6%C3%9Fte+FISH").await, std::slice::from_ref(&b));
    assert_eq!(found(&app, &user, "q=fish+-fishes").await, std::slice::from_ref(&b));
    assert_eq!(found(&app, &user, "q=%22two+fishes%22").await, [a]);
    assert!(found(&app, &user, "q=bird").await.is_empty());
    let result = search(&app, &user, "q=swims").await.expect(200).body["results"][0].clone();
    assert_eq!((&result["chatroom_id"], &result["chatroom_name"]), (&json!(chatroom), &json!("A chatroom")));
    let snippet = result["snippet"].as_str().unwrap();
    assert!(snippet.contains("fish of all swims") && snippet.len() < 400, "{snippet}");
}

#[tokio::test]
async fn search_finds_only_the_callers_messages() {
    let app = start().await;
    let (user, other) = (app.user().await, app.user().await);
    let chatroom = app.create_chatroom(&user).await;
    let _ = insert_finished(&app, &user, &chatroom, "a secret word").await;
    assert_eq!(found(&app, &user, "q=secret").await.len(), 1);
    assert!(found(&app, &other, "q=secret").await.is_empty());
    let _ =
        app.request("GET", "/api/chatroom/search?q=a").send().await.expect_problem(401, "not_authenticated");
}

#[tokio::test]
async fn search_has_pages() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(insert_finished(&app, &user, &chatroom, "again").await);
    }
    ids.reverse();
    let first = search(&app, &user, "q=again&limit=2").await.expect(200);
    let cursor = first.text("/next_cursor");
    assert_eq!(cursor, ids[1]);
    let second = search(&app, &user, &format!("q=again&limit=2&cursor={cursor}")).await.expect(200);
    assert_eq!(second.body["results"][0]["message_id"], ids[2].as_str());
    assert!(second.body["next_cursor"].is_null());
}

#[tokio::test]
async fn phrase_of_repeated_words_is_found_quickly() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let id = insert_finished(&app, &user, &chatroom, &"a b ".repeat(2500)).await;
    let phrase = format!("q=%22{}%22", "a+b+".repeat(8));
    // Postgres itself would need gigabytes to build a snippet of this text.
    let response = tokio::time::timeout(std::time::Duration::from_secs(20), found(&app, &user, &phrase));
    assert_eq!(response.await.unwrap(), [id]);
}

#[tokio::test]
async fn any_query_is_answered_or_a_validation_error() {
    let app = start().await;
    let user = app.user().await;
    for query in ["%22", "%21%26%7C%28", "-", "OR", "%27%3B--", "a%3A%2A", "%F0%9F%90%9F", "%5C", "not"] {
        assert!(found(&app, &user, &format!("q={query}")).await.is_empty(), "{query}");
    }
    for dashes in [32, 33, 199] {
        let query = format!("q=a+{}b", "-".repeat(dashes.min(190)));
        assert!(found(&app, &user, &query).await.is_empty(), "{dashes}");
        assert!(found(&app, &user, &format!("q={}", "-+".repeat(dashes / 2))).await.is_empty(), "{dashes}");
    }
    let long = format!("q={}", "a".repeat(201));
    let wordy = format!("q=%22{}%22", "a+b+".repeat(9));
    for query in ["", "q=", "q=+++", "q=%00", long.as_str(), wordy.as_str()] {
        search(&app, &user, query).await.expect_invalid(&["q"]);
    }
    search(&app, &user, "q=a&limit=0").await.expect_invalid(&["limit"]);
    search(&app, &user, "q=a&cursor=x").await.expect_invalid(&["cursor"]);
}

#[tokio::test]
async fn search_reads_one_index_however_many_messages_exist() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    app.execute(&format!(
        "INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status, created_at, updated_at)
         SELECT gen_random_uuid(), '{chatroom}', gen_random_uuid(), n, 'ai', 'word ' || n, 'completed', now(), now()
         FROM generate_series(1, 5000) n; ANALYZE messages"
    ))
    .await;
    let explain = format!(
        "EXPLAIN SELECT id FROM messages WHERE user_id = '{}' AND sweep_at IS NULL
         AND to_tsvector('simple'::regconfig, content) @@ websearch_to_tsquery('simple'::regconfig, 'word')
         ORDER BY id DESC LIMIT 50",
        user.id
    );
    let rows = app.app.db().await.unwrap().query(&explain, &[]).await.unwrap();
    let plan: String = rows.iter().map(|row| row.get::<_, String>(0)).collect();
    assert!(plan.contains("messages_search_idx") && !plan.contains("Seq Scan"), "{plan}");
}
