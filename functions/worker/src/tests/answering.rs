//! How one message is answered or fails.

use std::time::Duration;

use clients::gemini::GenerateError;
use serde_json::json;

use super::{deliver, overloaded, sent, start, status};

#[tokio::test]
async fn message_is_answered_once_despite_duplicate_deliveries() {
    let app = start().await;
    let (user, chatroom, id) = sent(&app, "hello").await;
    for _ in 0..3 {
        assert!(deliver(&app, &[&id]).await.is_empty());
    }
    let message = status(&app, &user, &id).await;
    assert_eq!((&message["processing_status"], &message["attempts"]), (&json!("completed"), &json!(1)));
    assert_eq!(message["reply"]["content"], "Echo: hello");
    assert_eq!(app.model.prompts().len(), 1);
    let page =
        app.request("GET", &format!("/api/chatroom/{chatroom}")).by(&user).send().await.expect(200).body;
    assert_eq!(page["messages"][1]["message_type"], "ai");
    assert_eq!(page["chatroom"]["message_count"], 2);
    let usage: i64 = app.query_value("SELECT prompt_tokens * 100 + response_tokens FROM daily_usage").await;
    assert_eq!(usage, 703);
    assert_eq!(
        app.query_value::<i64>("SELECT ai_response_count * 1000 + prompt_tokens FROM users").await,
        1_007
    );
}

#[tokio::test]
async fn answer_is_never_older_than_its_question() {
    let app = start().await;
    let (user, chatroom, id) = sent(&app, "hello").await;
    // The clock of the function that stored the question is ahead.
    let ahead = "2099-01-01T00:00:00.123456Z";
    app.execute(&format!("UPDATE messages SET created_at = '{ahead}'")).await;
    app.execute(&format!("UPDATE chatrooms SET last_message_at = '{ahead}'")).await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    let room = format!("/api/chatroom/{chatroom}");
    let room = app.request("GET", &room).by(&user).send().await.expect(200).body;
    assert_eq!(
        (&room["messages"][1]["reply_to"], &room["messages"][1]["created_at"]),
        (&json!(id), &json!(ahead))
    );
    assert_eq!(room["messages"][1]["finish_reason"], "stop");
    assert_eq!(room["chatroom"]["last_message_at"], ahead);
}

#[tokio::test]
async fn transient_failures_back_off_and_third_attempt_answers() {
    let app = start().await;
    let (user, _, id) = sent(&app, "hello").await;
    app.model.fail_with(overloaded());
    app.model.fail_with(overloaded());
    for attempt in 1..=2_u32 {
        assert_eq!(deliver(&app, &[&id]).await, [id.as_str()]);
        let message = status(&app, &user, &id).await;
        assert_eq!(
            (&message["processing_status"], &message["attempts"]),
            (&json!("pending"), &json!(attempt))
        );
        let (receipt, delay) = app.queue.delays().last().unwrap().clone();
        assert_eq!(receipt, format!("receipt of {id}"));
        let base = Duration::from_secs(2) * 2_u32.pow(attempt - 1);
        assert!((base..=base.mul_f64(1.25)).contains(&delay), "{delay:?}");

        // A delivery before its time: the message is not due, and the model is not called.
        assert_eq!(deliver(&app, &[&id]).await, [id.as_str()]);
        assert_eq!(app.model.prompts().len(), attempt as usize);
        app.advance(delay + Duration::from_millis(1));
    }
    assert!(deliver(&app, &[&id]).await.is_empty());
    let message = status(&app, &user, &id).await;
    assert_eq!((&message["processing_status"], &message["attempts"]), (&json!("completed"), &json!(3)));
}

#[tokio::test]
async fn message_fails_after_three_attempts_and_its_quota_unit_is_refunded() {
    let app = start().await;
    let (user, _, id) = sent(&app, "hello").await;
    for _ in 0..3 {
        app.model.fail_with(overloaded());
        let _ = deliver(&app, &[&id]).await;
        app.advance(Duration::from_secs(10));
    }
    let message = status(&app, &user, &id).await;
    assert_eq!(
        (&message["processing_status"], &message["error_code"]),
        (&json!("failed"), &json!("gemini_overloaded"))
    );
    assert_eq!(app.query_value::<i32>("SELECT messages FROM daily_usage").await, 0);
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(app.model.prompts().len(), 3);
    assert_eq!(app.query_value::<i32>("SELECT messages FROM daily_usage").await, 0);
}

#[tokio::test]
async fn permanent_error_fails_the_message_at_once() {
    let app = start().await;
    let (user, _, id) = sent(&app, "hello").await;
    app.model.fail_with(GenerateError::BlockedPrompt { reason: "SAFETY".to_owned() });
    assert!(deliver(&app, &[&id]).await.is_empty());
    let message = status(&app, &user, &id).await;
    assert_eq!((&message["error_code"], &message["attempts"]), (&json!("blocked_by_safety"), &json!(1)));
}

#[tokio::test]
async fn retry_delay_of_gemini_is_honoured() {
    let app = start().await;
    let (_, _, id) = sent(&app, "hello").await;
    let retry_delay = Some(Duration::from_secs(22));
    app.model.fail_with(GenerateError::MinuteQuota { quota: "PerMinute".to_owned(), retry_delay });
    let _ = deliver(&app, &[&id]).await;
    assert!(app.queue.delays()[0].1 >= Duration::from_secs(22));
}

#[tokio::test]
async fn prompt_has_history_instruction_and_model_of_the_plan() {
    let app = start().await;
    let user = app.user().await;
    app.set_tier(&user, domain::Tier::Pro).await;
    let body = json!({ "name": "A chatroom", "system_prompt": "Be brief." });
    let chatroom = app
        .request("POST", "/api/chatroom")
        .by(&user)
        .json(body)
        .send()
        .await
        .expect(201)
        .text("/chatroom/id");
    let first = app.send_message(&user, &chatroom, "one").await;
    let second = app.send_message(&user, &chatroom, "two").await;
    app.model.fail_with(GenerateError::BlockedPrompt { reason: "SAFETY".to_owned() });
    let _ = deliver(&app, &[&first, &second]).await;
    let third = app.send_message(&user, &chatroom, "three").await;
    let _ = deliver(&app, &[&third]).await;

    let prompt = app.model.prompts().pop().unwrap();
    // The first message failed, so the history leaves it out.
    let turns: Vec<(&str, &str)> =
        prompt.turns.iter().map(|turn| (turn.role.as_str(), turn.text.as_str())).collect();
    assert_eq!(turns, [("user", "two"), ("model", "Echo: two"), ("user", "three")]);
    assert_eq!(prompt.system_instruction.as_deref(), Some("Be brief."));
    assert_eq!(prompt.model, app.app.config.gemini.models.pro().id);
}

#[tokio::test]
async fn message_of_a_deleted_chatroom_is_skipped() {
    let app = start().await;
    let (user, chatroom, id) = sent(&app, "hello").await;
    let _ = app.request("DELETE", &format!("/api/chatroom/{chatroom}")).by(&user).send().await.expect(200);
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert!(app.model.prompts().is_empty());
}

#[tokio::test]
async fn answer_invalidates_the_cached_chatroom_list() {
    let app = start().await;
    let (user, _, id) = sent(&app, "hello").await;
    for _ in 0..2 {
        let _ = app.request("GET", "/api/chatroom").by(&user).send().await.expect(200);
    }
    let _ = deliver(&app, &[&id]).await;
    let list = app.request("GET", "/api/chatroom").by(&user).send().await.expect(200).body;
    assert_eq!((&list["cached"], &list["chatrooms"][0]["message_count"]), (&json!(false), &json!(2)));
}

#[tokio::test]
async fn long_exchange_stays_in_the_history() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let long = format!("请翻译{}", "这是一段很长的中文文本。".repeat(760));
    for text in [long.as_str(), "What was it about?"] {
        let id = app.send_message(&user, &chatroom, text).await;
        assert!(deliver(&app, &[&id]).await.is_empty());
    }
    let prompt = app.model.prompts().pop().unwrap();
    let turns: Vec<&str> = prompt.turns.iter().map(|turn| turn.text.as_str()).collect();
    let [question, answer, next] = turns.as_slice() else { panic!("{} turns", turns.len()) };
    // The question and its echo exceed the budget together, so both are shortened.
    assert!(question.starts_with("请翻译这是") && question.contains("shortened"));
    assert!(answer.starts_with("Echo: 请翻译") && answer.ends_with("中文文本。"));
    assert_eq!(*next, "What was it about?");
}

#[tokio::test]
async fn history_begins_at_a_block_of_exchanges() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    app.execute(&format!(
        "INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status,
             reply_to, created_at, updated_at)
         SELECT id, '{chatroom}', '{user}', position, kind, 'text ' || n, 'completed', reply_to, now(), now()
         FROM generate_series(1, 70) n, LATERAL (SELECT gen_random_uuid() AS asked, gen_random_uuid() AS answered
             WHERE n > 0) ids, LATERAL (VALUES (asked, 2 * n - 1, 'user', NULL::uuid), (answered, 2 * n, 'ai', asked))
             m (id, position, kind, reply_to)
         ORDER BY position;
         UPDATE chatrooms SET last_position = 140, message_count = 140, ai_response_count = 70",
        user = user.id
    ))
    .await;
    for _ in 0..2 {
        let id = app.send_message(&user, &chatroom, "next").await;
        assert!(deliver(&app, &[&id]).await.is_empty());
    }
    let prompts = app.model.prompts();
    // 70 exchanges: from the 17th on, which begins the second block.
    assert_eq!(prompts[0].turns[0].text, "text 17");
    assert_eq!(prompts[0].turns[..108], prompts[1].turns[..108]);
}

#[tokio::test]
async fn finish_reason_is_stored_with_the_answer() {
    let app = start().await;
    let (_, _, id) = sent(&app, "hello").await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    let stored = "SELECT finish_reason FROM messages WHERE message_type = 'ai'";
    assert_eq!(app.query_value::<String>(stored).await, "stop");
}
