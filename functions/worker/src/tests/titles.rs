//! Titles of chatrooms without a name.

use std::time::Duration;

use clients::gemini::{FinishReason, GenerateError, TokenUsage};
use serde_json::{Value, json};
use store::chatrooms::titles::{self, NewClaim, TitleClaim};
use testkit::{TestApp, TestUser};
use uuid::Uuid;

use super::{deliver, deliver_with_time_left, overloaded, sent, start, status};

pub(super) const QUESTION: &str = "Wie koche ich Eier?";

/// Asks a question in a new chatroom without a name. Returns the ids of the chatroom and the message.
pub(super) async fn asked(app: &TestApp, user: &TestUser, body: Value) -> (String, String) {
    let created = app.request("POST", "/api/chatroom").by(user).json(body).send().await.expect(201);
    let chatroom = created.text("/chatroom/id");
    assert_eq!(created.body["chatroom"]["name"], "New chat");
    let id = app.send_message(user, &chatroom, QUESTION).await;
    (chatroom, id)
}

/// A new user's answered question whose title is due: the worker had no time left for it.
async fn due() -> (TestApp, TestUser, String, String) {
    let app = TestApp::serving(chatroom::routes()).var("TITLE_TIMEOUT_MS", "295000").start().await;
    let user = app.user().await;
    let (chatroom, id) = asked(&app, &user, json!({})).await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(listed(&app, &user).await["name"], QUESTION);
    assert_eq!(app.model.prompts().len(), 1);
    (app, user, chatroom, id)
}

/// Delivers the job that the sweeper sends for a title.
async fn deliver_again(app: &TestApp, id: &str) {
    assert!(deliver_with_time_left(app, &[id], Duration::from_mins(10)).await.is_empty());
}

/// Runs `during` while the model writes the title of a due one.
async fn while_written(app: &TestApp, id: &str, during: impl Future<Output = ()>) {
    app.model.hold();
    app.model.answer_with("Eier kochen");
    let during = async {
        app.model.wait_for_calls(2).await;
        during.await;
        app.model.release();
    };
    tokio::join!(deliver_again(app, id), during);
    assert_eq!(app.model.prompts().len(), 2);
}

/// The newest chatroom in the list.
pub(super) async fn listed(app: &TestApp, user: &TestUser) -> Value {
    app.request("GET", "/api/chatroom").by(user).send().await.expect(200).body["chatrooms"][0].clone()
}

pub(super) async fn is_concluded(app: &TestApp) -> bool {
    app.query_value("SELECT bool_and(title_state IS NULL AND title_due_at IS NULL) FROM chatrooms").await
}

#[tokio::test]
async fn first_answer_gets_the_chatroom_a_title() {
    let app = start().await;
    let user = app.user().await;
    let (chatroom, id) = asked(&app, &user, json!({ "system_prompt": "The secret is 42." })).await;
    assert_eq!(listed(&app, &user).await["name"], "New chat");
    app.model.answer_with("Etwa acht Minuten.");
    app.model.answer_with("**Eier kochen**\n");
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(listed(&app, &user).await["name"], "Eier kochen");

    let prompt = app.model.prompts().pop().unwrap();
    assert_eq!(prompt.model, app.app.config.gemini.models.basic().id);
    let instruction = prompt.system_instruction.unwrap();
    assert!(instruction.contains("in the language of the question"), "{instruction}");
    let [turn] = prompt.turns.as_slice() else { panic!("{} turns", prompt.turns.len()) };
    assert!(turn.text.contains(QUESTION) && turn.text.contains("Etwa acht Minuten."), "{}", turn.text);
    assert!(!instruction.contains("42") && !turn.text.contains("42"));
    // One unit of quota for the answer, and the tokens of both calls.
    let usage = "SELECT messages * 1000 + titles * 100 + prompt_tokens FROM daily_usage";
    assert_eq!(app.query_value::<i64>(usage).await, 1_114);
    assert_eq!(app.query_value::<i64>("SELECT prompt_tokens FROM users").await, 14);
    assert!(is_concluded(&app).await);

    let next = app.send_message(&user, &chatroom, "Und hart?").await;
    assert!(deliver(&app, &[&next, &id]).await.is_empty());
    assert_eq!(app.model.prompts().len(), 3);
    assert_eq!(listed(&app, &user).await["name"], "Eier kochen");
}

#[tokio::test]
async fn chatroom_with_a_name_gets_no_title() {
    let app = start().await;
    let (user, chatroom, id) = sent(&app, QUESTION).await;
    let (renamed, other) = asked(&app, &user, json!({ "name": null })).await;
    let path = format!("/api/chatroom/{renamed}");
    let name = json!({ "name": "New chat" });
    let _ = app.request("PATCH", &path).by(&user).json(name).send().await.expect(200);
    for id in [&id, &other] {
        assert!(deliver(&app, &[id]).await.is_empty());
    }
    assert_eq!(app.model.prompts().len(), 2);
    let names = format!("SELECT string_agg(name, ', ' ORDER BY id) FROM chatrooms WHERE id >= '{chatroom}'");
    assert_eq!(app.query_value::<String>(&names).await, "A chatroom, New chat");
}

#[tokio::test]
async fn delivery_is_deleted_before_the_title_is_written() {
    let app = start().await;
    let user = app.user().await;
    let (_, id) = asked(&app, &user, json!({})).await;
    app.model.answer_with("Etwa acht Minuten.");
    app.model.hold_in_mid_text();
    let observed = async {
        app.model.wait_for_calls(1).await;
        assert!(app.queue.deleted().is_empty());
        app.model.release();
        app.model.wait_for_calls(2).await;
        assert_eq!(app.queue.deleted(), [format!("receipt of {id}")]);
        assert_eq!(status(&app, &user, &id).await["processing_status"], "completed");
    };
    let ids = [id.as_str()];
    let (undelivered, ()) = tokio::join!(deliver(&app, &ids), observed);
    assert!(undelivered.is_empty());
}

#[tokio::test]
async fn name_given_while_the_title_is_written_stays() {
    // Also the very name that the chatroom has.
    for name in ["Meins", QUESTION] {
        let (app, user, chatroom, id) = due().await;
        let path = format!("/api/chatroom/{chatroom}");
        let rename = async {
            let name = json!({ "name": name });
            let _ = app.request("PATCH", &path).by(&user).json(name).send().await.expect(200);
        };
        while_written(&app, &id, rename).await;
        assert_eq!(listed(&app, &user).await["name"], name);
        assert!(is_concluded(&app).await);
    }
}

#[tokio::test]
async fn name_given_through_the_previous_release_stays() {
    let (app, user, _, id) = due().await;
    while_written(&app, &id, app.execute("UPDATE chatrooms SET name = 'Meins'")).await;
    assert_eq!(app.query_value::<String>("SELECT name FROM chatrooms").await, "Meins");
    assert!(is_concluded(&app).await);
    // Before the first answer.
    let (_, id) = asked(&app, &user, json!({})).await;
    app.execute("UPDATE chatrooms SET name = 'Deins' WHERE name = 'New chat'").await;
    deliver_again(&app, &id).await;
    assert_eq!(listed(&app, &user).await["name"], "Deins");
    assert!(is_concluded(&app).await);
    assert_eq!(app.model.prompts().len(), 3);
}

#[tokio::test]
async fn other_changes_while_the_title_is_written_leave_it() {
    let (app, user, chatroom, id) = due().await;
    let path = format!("/api/chatroom/{chatroom}");
    let change = async {
        let settings = json!({ "system_prompt": "Be brief." });
        let _ = app.request("PATCH", &path).by(&user).json(settings).send().await.expect(200);
    };
    while_written(&app, &id, change).await;
    assert_eq!(listed(&app, &user).await["name"], "Eier kochen");
}

#[tokio::test]
async fn message_sent_while_the_title_is_written_is_answered() {
    let (app, user, chatroom, id) = due().await;
    app.model.hold();
    app.model.answer_with("Eier kochen");
    let send = async {
        app.model.wait_for_calls(2).await;
        let next = app.send_message(&user, &chatroom, "Und hart?").await;
        let ids = [next.as_str()];
        let release = async {
            app.model.wait_for_calls(3).await;
            app.model.release();
        };
        let (undelivered, ()) = tokio::join!(deliver(&app, &ids), release);
        assert!(undelivered.is_empty());
        assert_eq!(status(&app, &user, &next).await["processing_status"], "completed");
    };
    tokio::join!(deliver_again(&app, &id), send);
    let room = listed(&app, &user).await;
    assert_eq!(room["message_count"], 4);
    assert_ne!(room["name"], QUESTION);
    assert_eq!(app.model.prompts().len(), 3);
}

#[tokio::test]
async fn chatroom_deleted_while_the_title_is_written_stays_deleted() {
    let (app, user, chatroom, id) = due().await;
    let path = format!("/api/chatroom/{chatroom}");
    let delete = async {
        let _ = app.request("DELETE", &path).by(&user).send().await.expect(200);
    };
    while_written(&app, &id, delete).await;
    assert_eq!(listed(&app, &user).await, Value::Null);
    // Google bills the call all the same.
    assert_eq!(app.query_value::<i64>("SELECT prompt_tokens FROM users").await, 14);
}

#[tokio::test]
async fn failed_call_leaves_the_first_words() {
    let usage = TokenUsage { prompt_tokens: 7, ..TokenUsage::default() };
    for error in [
        GenerateError::BlockedPrompt { reason: "SAFETY".to_owned() },
        GenerateError::MinuteQuota { quota: "PerMinute".to_owned(), retry_delay: None },
        GenerateError::DailyQuota { quota: "PerDay".to_owned() },
        GenerateError::NoAnswer { finish_reason: FinishReason::MaxTokens, usage },
        GenerateError::Timeout,
        overloaded(),
    ] {
        let app = start().await;
        let user = app.user().await;
        let (_, id) = asked(&app, &user, json!({})).await;
        app.model.answer_with("Etwa acht Minuten.");
        app.model.fail_with(error.clone());
        for _ in 0..2 {
            assert!(deliver(&app, &[&id]).await.is_empty());
        }
        assert_eq!(listed(&app, &user).await["name"], QUESTION, "{error}");
        assert_eq!(app.model.prompts().len(), 2, "{error}");
        assert!(is_concluded(&app).await, "{error}");
    }
}

#[tokio::test]
async fn text_that_shows_nothing_leaves_the_first_words() {
    let (app, user, _, id) = due().await;
    app.model.answer_with("\u{200b}\n\"\"");
    deliver_again(&app, &id).await;
    assert_eq!((listed(&app, &user).await["name"].as_str(), app.model.prompts().len()), (Some(QUESTION), 2));
    assert!(is_concluded(&app).await);
}

#[tokio::test]
async fn failed_question_leaves_the_title_to_the_next_one() {
    let app = start().await;
    let user = app.user().await;
    let (chatroom, id) = asked(&app, &user, json!({})).await;
    app.model.fail_with(GenerateError::BlockedPrompt { reason: "SAFETY".to_owned() });
    let next = app.send_message(&user, &chatroom, "Und hart?").await;
    app.model.answer_with("Zehn Minuten.");
    app.model.answer_with("Harte Eier");
    assert!(deliver(&app, &[&id, &next]).await.is_empty());
    assert_eq!(listed(&app, &user).await["name"], "Harte Eier");
    let prompt = app.model.prompts().pop().unwrap();
    assert!(prompt.turns[0].text.contains("Und hart?"));
}

#[tokio::test]
async fn two_workers_make_one_call() {
    let (app, user, _, id) = due().await;
    while_written(&app, &id, deliver_again(&app, &id)).await;
    assert_eq!(listed(&app, &user).await["name"], "Eier kochen");
}

#[tokio::test]
async fn concurrent_claims_give_one_worker_the_title() {
    let (app, _, _, id) = due().await;
    let claims = (0..6).map(|_| async {
        let now = app.app.clock.now();
        let claim = NewClaim {
            generation_id: id.parse().unwrap(),
            owner: Uuid::new_v4(),
            now,
            until: now + Duration::from_mins(1),
            day: now.date_naive(),
            max_per_day: 10,
        };
        let claim = titles::claim(&app.app.db().await.unwrap(), claim).await.unwrap();
        matches!(claim, TitleClaim::Claimed(_))
    });
    let claims = futures::future::join_all(claims).await;
    assert_eq!(claims.into_iter().filter(|is_claimed| *is_claimed).count(), 1);
    assert_eq!(app.query_value::<i32>("SELECT titles FROM daily_usage").await, 1);

    // The worker dies. Its title is made once its claim has ended.
    deliver_again(&app, &id).await;
    assert_eq!(app.model.prompts().len(), 1);
    app.advance(Duration::from_mins(2));
    app.model.answer_with("Eier kochen");
    deliver_again(&app, &id).await;
    assert_eq!(app.query_value::<String>("SELECT name FROM chatrooms").await, "Eier kochen");
}

#[tokio::test]
async fn closed_account_gets_no_title() {
    for column in ["suspended_at", "deleted_at"] {
        let (app, _, _, id) = due().await;
        app.execute(&format!("UPDATE users SET {column} = now()")).await;
        deliver_again(&app, &id).await;
        assert_eq!(app.model.prompts().len(), 1);
    }
}
