//! Which model answers.

use clients::gemini::{GenerateError, ThinkingLevel};
use domain::Tier;
use serde_json::{Value, json};
use testkit::{TestApp, TestUser};
use uuid::Uuid;

use super::{deliver, status};

/// Models with names of their own: the limits on calls are per model.
struct Models {
    app: TestApp,
    suffix: String,
}

impl Models {
    async fn start() -> Self {
        let suffix = Uuid::new_v4().simple().to_string();
        let list = json!([
            { "id": format!("small-{suffix}"), "plans": ["basic", "pro"], "thinking_levels": ["minimal"],
              "thinking_level": "minimal", "max_output_tokens": 100 },
            { "id": format!("large-{suffix}"), "plans": ["pro"] },
            { "id": format!("other-{suffix}"), "plans": ["pro"], "thinking_levels": ["high"], "thinking_level": "high",
              "max_output_tokens": 300, "max_input_tokens": 24_010 },
            { "id": format!("spare-{suffix}"), "plans": [], "max_output_tokens": 400 },
        ]);
        let app = TestApp::serving(chatroom::routes())
            .var("GEMINI_MODELS", &list.to_string())
            .var("GEMINI_MODEL_BASIC", &format!("small-{suffix}"))
            .var("GEMINI_MODEL_PRO", &format!("large-{suffix}"))
            .var("GEMINI_MODEL_FALLBACK", &format!("spare-{suffix}, small-{suffix}"))
            .start()
            .await;
        Self { app, suffix }
    }

    fn id(&self, name: &str) -> String {
        format!("{name}-{}", self.suffix)
    }

    /// The names of the models that were called.
    fn called(&self) -> Vec<String> {
        let name = |model: &str| model.trim_end_matches(&format!("-{}", self.suffix)).to_owned();
        self.app.model.prompts().iter().map(|prompt| name(&prompt.model)).collect()
    }

    /// A chatroom of `user` with a model.
    async fn chatroom(&self, user: &TestUser, model: &str) -> String {
        let body = json!({ "name": "Plans", "model": self.id(model) });
        let created = self.app.request("POST", "/api/chatroom").by(user).json(body).send().await;
        created.expect(201).text("/chatroom/id")
    }

    async fn ask(&self, user: &TestUser, chatroom: &str) -> String {
        let id = self.app.send_message(user, chatroom, "hello").await;
        assert!(deliver(&self.app, &[&id]).await.is_empty());
        id
    }

    async fn regenerate(&self, user: &TestUser, message: &str, body: Value) {
        let path = format!("/api/chatroom/message/{message}/regenerate");
        let _ = self.app.request("POST", &path).by(user).json(body).send().await.expect(201);
        let newest = "SELECT id::text FROM generations ORDER BY number DESC LIMIT 1";
        let newest: String = self.app.query_value(newest).await;
        assert!(deliver(&self.app, &[&newest]).await.is_empty());
    }
}

#[tokio::test]
async fn answer_is_by_the_model_of_the_request_the_chatroom_or_the_plan() {
    let models = Models::start().await;
    let user = models.app.user().await;
    models.app.set_tier(&user, Tier::Pro).await;
    let chatroom = models.chatroom(&user, "other").await;
    let question = models.ask(&user, &chatroom).await;
    models.regenerate(&user, &question, json!({ "model": models.id("small") })).await;
    models.regenerate(&user, &question, json!({})).await;
    models.ask(&user, &models.app.create_chatroom(&user).await).await;
    assert_eq!(models.called(), ["other", "small", "other", "large"]);
    let prompts = models.app.model.prompts();
    let limits: Vec<_> =
        prompts.iter().map(|prompt| (prompt.max_output_tokens, prompt.thinking_level)).collect();
    let (small, other) = ((100, Some(ThinkingLevel::Minimal)), (300, Some(ThinkingLevel::High)));
    assert_eq!(limits, [other, small, other, (2_048, None)]);
}

#[tokio::test]
async fn plan_that_has_ended_falls_back_to_its_default() {
    let models = Models::start().await;
    let user = models.app.user().await;
    models.app.set_tier(&user, Tier::Pro).await;
    let chatroom = models.chatroom(&user, "other").await;
    models.app.set_tier(&user, Tier::Basic).await;
    let id = models.ask(&user, &chatroom).await;
    assert_eq!(status(&models.app, &user, &id).await["processing_status"], "completed");
    assert_eq!(models.called(), ["small"]);
    // The choice stays, for another time on Pro.
    models.app.set_tier(&user, Tier::Pro).await;
    models.ask(&user, &chatroom).await;
    assert_eq!(models.called(), ["small", "other"]);
}

#[tokio::test]
async fn model_that_left_the_list_gives_way_to_the_default() {
    let models = Models::start().await;
    let user = models.app.user().await;
    let chatroom = models.app.create_chatroom(&user).await;
    models.app.execute("UPDATE chatrooms SET model = 'gone'").await;
    models.ask(&user, &chatroom).await;
    assert_eq!(models.called(), ["small"]);
}

#[tokio::test]
async fn retired_models_are_replaced_by_the_fallbacks_in_their_order() {
    let models = Models::start().await;
    let user = models.app.user().await;
    models.app.set_tier(&user, Tier::Pro).await;
    let chatroom = models.app.create_chatroom(&user).await;
    for _ in 0..2 {
        models.app.model.fail_with(GenerateError::ModelNotFound { model: "x".to_owned() });
    }
    let id = models.ask(&user, &chatroom).await;
    assert_eq!(models.called(), ["large", "spare", "small"]);
    let answered = status(&models.app, &user, &id).await;
    assert_eq!(answered["reply"]["model"], models.id("small"));
    let limits: Vec<u32> = models.app.model.prompts().iter().map(|prompt| prompt.max_output_tokens).collect();
    assert_eq!(limits, [2_048, 400, 100]);
    // A fallback is not called twice.
    let chatroom = models.chatroom(&user, "small").await;
    models.app.model.fail_with(GenerateError::DailyQuota { quota: "PerDay".to_owned() });
    let id = models.app.send_message(&user, &chatroom, "hello").await;
    let _ = deliver(&models.app, &[&id]).await;
    assert_eq!(status(&models.app, &user, &id).await["error_code"], "gemini_quota");
    assert_eq!(models.called().len(), 4);
}

#[tokio::test]
async fn input_limit_of_a_model_shortens_the_history() {
    let models = Models::start().await;
    let user = models.app.user().await;
    models.app.set_tier(&user, Tier::Pro).await;
    let chatroom = models.app.create_chatroom(&user).await;
    // A question and its echo have about 6,000 tokens together.
    let long = "文".repeat(3_000);
    for _ in 0..2 {
        let id = models.app.send_message(&user, &chatroom, &long).await;
        assert!(deliver(&models.app, &[&id]).await.is_empty());
    }
    let question = models.ask(&user, &chatroom).await;
    models.regenerate(&user, &question, json!({ "model": models.id("other") })).await;
    let turns: Vec<usize> = models.app.model.prompts().iter().map(|prompt| prompt.turns.len()).collect();
    assert_eq!(turns, [1, 3, 5, 3]);
}
