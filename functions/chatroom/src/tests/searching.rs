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

/// `text` for a query string.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02X}"))
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
async fn text_of_any_language_and_code_is_found_by_parts() {
    let app = start().await;
    let user = app.user().await;
    app.execute("UPDATE users SET subscription_tier = 'pro'").await;
    let chatroom = app.create_chatroom(&user).await;
    for (content, queries) in [
        ("我喜欢在早上喝咖啡和读书", vec!["咖啡", "喝咖啡和", "茶 OR 书"]),
        ("今日は天気がいい", vec!["天気", "か\u{3099}いい"]),
        ("대한국민", vec!["한국", "\u{1112}\u{1161}\u{11AB}국"]),
        ("ฉันเรียนภาษาไทย", vec!["ภาษา"]),
        ("put <script src=\"app.js\"> at the end", vec!["script", "end", "<script src=\"app.js\">"]),
        ("see config/server.yaml", vec!["server.yaml", "config/ser", "yaml"]),
        ("three whales", vec!["whale", "wh", "whal", "\"three whales\""]),
        ("un cafe\u{301} noir", vec!["café", "cafe", "CAFÉ"]),
        ("naïve", vec!["nai\u{308}ve", "naiv"]),
        ("release 🎉", vec!["🎉"]),
    ] {
        let id = insert_finished(&app, &user, &chatroom, content).await;
        for query in queries {
            let path = format!("q={}", percent_encoded(query));
            assert_eq!(found(&app, &user, &path).await, std::slice::from_ref(&id), "{query}");
        }
    }
    for query in ["hales", "%22three+whale%22", "%E5%95%A1%E5%92%96", "whales+-three"] {
        assert!(found(&app, &user, &format!("q={query}")).await.is_empty(), "{query}");
    }
}

#[tokio::test]
async fn whole_words_come_before_prefixes_on_every_page() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let mut ids = Vec::new();
    for content in ["a ship", "shipping", "the ship", "ships sail"] {
        ids.push(insert_finished(&app, &user, &chatroom, content).await);
    }
    let ranked = [&ids[2], &ids[0], &ids[3], &ids[1]];
    assert_eq!(found(&app, &user, "q=ship").await.iter().collect::<Vec<_>>(), ranked);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..4 {
        let page = search(&app, &user, &format!("q=ship&limit=1{cursor}")).await.expect(200);
        seen.push(page.text("/results/0/message_id"));
        cursor = page.body["next_cursor"].as_str().map(|next| format!("&cursor={next}")).unwrap_or_default();
    }
    assert_eq!((seen.iter().collect::<Vec<_>>(), cursor.as_str()), (ranked.to_vec(), ""));
}

#[tokio::test]
async fn phrase_is_found_behind_many_messages_with_the_same_words() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let id = insert_finished(&app, &user, &chatroom, "big data").await;
    let copied = insert_finished(&app, &user, &chatroom, "data is big").await;
    app.execute(&format!(
        "INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status, search_tokens, created_at, updated_at)
         SELECT ('ffffffff-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, chatroom_id, user_id, 10 + n, 'ai', content,
             'completed', search_tokens, now(), now()
         FROM messages, generate_series(1, 600) n WHERE id = '{copied}'"
    ))
    .await;
    let first = search(&app, &user, "q=%22big+data%22").await.expect(200);
    assert_eq!(first.body["results"], json!([]));
    let next = first.text("/next_cursor");
    let second = search(&app, &user, &format!("q=%22big+data%22&cursor={next}")).await.expect(200);
    assert_eq!((second.text("/results/0/message_id"), &second.body["next_cursor"]), (id, &json!(null)));
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
        "INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status, search_tokens, created_at, updated_at)
         SELECT gen_random_uuid(), '{chatroom}', CASE WHEN n % 2 = 0 THEN '{}' ELSE gen_random_uuid() END, n, 'ai',
             repeat('word ', 50), 'completed', ARRAY[n % 500, 1000], now(), now()
         FROM generate_series(1, 20000) n;
         SELECT gin_clean_pending_list('messages_search_tokens_idx'); ANALYZE messages",
        user.id
    ))
    .await;
    let explain = format!(
        "EXPLAIN SELECT id FROM messages WHERE user_id = '{}' AND sweep_at IS NULL
         AND search_tokens IS NOT NULL AND search_tokens @> '{{7}}' ORDER BY id DESC LIMIT 50",
        user.id
    );
    let rows = app.app.db().await.unwrap().query(&explain, &[]).await.unwrap();
    let plan: String = rows.iter().map(|row| row.get::<_, String>(0)).collect();
    assert!(plan.contains("messages_search_tokens_idx") && !plan.contains("Seq Scan"), "{plan}");
}
