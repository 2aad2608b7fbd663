//! The models of a plan, and the model of a chatroom and of an answer.

use domain::Tier;
use serde_json::{Value, json};
use testkit::{TestApp, TestUser};

const LIST: &str = r#"[
    {"id": "small", "name": "Small", "plans": ["basic", "pro"]},
    {"id": "large", "plans": ["pro"], "thinking_levels": ["low", "high"], "thinking_level": "low",
     "max_output_tokens": 4096, "max_input_tokens": 50000, "price": {"prompt": 1, "output": 2}},
    {"id": "spare", "plans": []}
]"#;

async fn start() -> (TestApp, TestUser) {
    let app = TestApp::serving(crate::routes())
        .var("GEMINI_MODELS", LIST)
        .var("GEMINI_MODEL_BASIC", "small")
        .var("GEMINI_MODEL_PRO", "large")
        .var("GEMINI_MODEL_FALLBACK", "spare")
        .start()
        .await;
    let user = app.user().await;
    (app, user)
}

async fn create(app: &TestApp, user: &TestUser, model: Value) -> testkit::Response {
    let body = json!({ "name": "Plans", "model": model });
    app.request("POST", "/api/chatroom").by(user).json(body).send().await
}

#[tokio::test]
async fn models_of_the_plan_are_listed() {
    let (app, user) = start().await;
    let list = async || app.event("chatroom-models", Some(&user), None).send().await.expect(200).body;
    let small = |default| {
        json!({ "id": "small", "name": "Small", "thinking_levels": [], "thinking_level": null,
            "max_output_tokens": 2048, "max_input_tokens": null, "default": default })
    };
    assert_eq!(list().await["models"], json!([small(true)]));
    app.set_tier(&user, Tier::Pro).await;
    let large = json!({ "id": "large", "name": "large", "thinking_levels": ["low", "high"], "thinking_level": "low",
        "max_output_tokens": 4096, "max_input_tokens": 50000, "default": true });
    assert_eq!(list().await["models"], json!([small(false), large]));
}

#[tokio::test]
async fn chatroom_has_the_model_that_its_owner_chose() {
    let (app, user) = start().await;
    app.set_tier(&user, Tier::Pro).await;
    let created = create(&app, &user, json!(" large ")).await.expect(201);
    assert_eq!(created.body["chatroom"]["model"], "large");
    let path = format!("/api/chatroom/{}", created.text("/chatroom/id"));
    let shown = async || {
        app.request("GET", &path).by(&user).send().await.expect(200).body["chatroom"]["model"].clone()
    };
    assert_eq!(shown().await, "large");
    let change = async |model: Value| {
        let changed =
            app.request("PATCH", &path).by(&user).json(json!({ "model": model })).send().await.expect(200);
        changed.body["chatroom"]["model"].clone()
    };
    assert_eq!(change(json!("small")).await, "small");
    for removed in [json!(null), json!("")] {
        assert_eq!(change(json!("large")).await, "large");
        assert_eq!(change(removed).await, json!(null));
    }
    assert_eq!(shown().await, json!(null));
    assert_eq!(create(&app, &user, json!(null)).await.expect(201).body["chatroom"]["model"], json!(null));
}

#[tokio::test]
async fn unknown_models_and_those_of_another_plan_are_refused() {
    let (app, user) = start().await;
    let path = format!(
        "/api/chatroom/{}",
        create(&app, &user, json!("small")).await.expect(201).text("/chatroom/id")
    );
    let change = async |model: Value| {
        app.request("PATCH", &path).by(&user).json(json!({ "model": model })).send().await
    };
    for unknown in
        [json!("gone"), json!("spare"), json!("a\u{0}b"), json!("x".repeat(101)), json!(7), json!(["small"])]
    {
        create(&app, &user, unknown.clone()).await.expect_invalid(&["model"]);
        change(unknown).await.expect_invalid(&["model"]);
    }
    for refused in [create(&app, &user, json!("large")).await, change(json!("large")).await] {
        let refused = refused.expect_problem(403, "model_not_in_plan");
        assert_eq!(refused.body["plans"], json!(["pro"]));
    }
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM chatrooms").await, 1);
    assert_eq!(app.query_value::<String>("SELECT model FROM chatrooms").await, "small");
}

#[tokio::test]
async fn another_answer_can_have_another_model() {
    let (app, user) = start().await;
    let chatroom = app.create_chatroom(&user).await;
    let id = app.send_message(&user, &chatroom, "hello").await;
    app.execute("UPDATE messages SET processing_status = 'completed', sweep_at = NULL").await;
    let regenerate = || app.request("POST", &format!("/api/chatroom/message/{id}/regenerate")).by(&user);
    regenerate().json(json!({ "model": "gone" })).send().await.expect_invalid(&["model"]);
    regenerate().json(json!([])).send().await.expect_invalid(&["body"]);
    let plain = regenerate().body("model=small").header("content-type", "text/plain").send().await;
    let _ = plain.expect_problem(415, "unsupported_media_type");
    let _ =
        regenerate().json(json!({ "model": "large" })).send().await.expect_problem(403, "model_not_in_plan");
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM generations").await, 1);
    assert_eq!(app.query_value::<i32>("SELECT messages FROM daily_usage").await, 1);
    app.set_tier(&user, Tier::Pro).await;
    let _ = regenerate().json(json!({ "model": "large" })).send().await.expect(201);
    let requested = "SELECT requested_model FROM generations WHERE number = 2";
    assert_eq!(app.query_value::<String>(requested).await, "large");
}
