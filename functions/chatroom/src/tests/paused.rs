//! What happens while an operator has paused sending, or models.

use domain::switches::Feature;
use serde_json::{Value, json};
use testkit::{Response, TestApp, TestUser};

use super::owner_actions::fail;
use super::{answer, start};

async fn post(app: &TestApp, user: &TestUser, path: &str, body: Value) -> Response {
    app.request("POST", &format!("/api/chatroom/{path}")).by(user).json(body).send().await
}

#[tokio::test]
async fn repeated_retry_is_refused_while_sending_is_paused() {
    let app = start().await;
    let user = app.user().await;
    let room = app.create_chatroom(&user).await;
    let question = app.send_message(&user, &room, "hello").await;
    fail(&app).await;
    app.set_paused(&Feature::Sending, true);
    let path = format!("/api/chatroom/message/{question}/retry");
    let retry = || app.request("POST", &path).by(&user).header("idempotency-key", "a-retry-of-hello").send();
    for _ in 0..3 {
        let _ = retry().await.expect_problem(503, "sending_paused");
    }
    app.set_paused(&Feature::Sending, false);
    let _ = retry().await.expect(200);
}

fn model(id: &str) -> Feature {
    Feature::Model(id.to_owned())
}

#[tokio::test]
async fn no_message_is_accepted_while_sending_is_paused() {
    let app = start().await;
    let user = app.user().await;
    let room = app.create_chatroom(&user).await;
    let question = app.send_message(&user, &room, "hello").await;
    answer(&app, &question).await;
    app.set_paused(&Feature::Sending, true);
    for path in [
        format!("{room}/message"),
        format!("message/{question}/regenerate"),
        format!("message/{question}/retry"),
        format!("message/{question}/edit"),
    ] {
        let refused = post(&app, &user, &path, json!({ "content": "again" })).await;
        let refused = refused.expect_problem(503, "sending_paused");
        assert_eq!(refused.header("retry-after"), Some("60"), "{path}");
    }
    let counted: i32 = app.query_value("SELECT messages FROM daily_usage").await;
    assert_eq!(counted, 1, "a refusal costs nothing");
    let _ = app.request("GET", &format!("/api/chatroom/{room}")).by(&user).send().await.expect(200);

    app.set_paused(&Feature::Sending, false);
    let _ = post(&app, &user, &format!("{room}/message"), json!({ "content": "again" })).await.expect(201);
}

#[tokio::test]
async fn repetition_of_an_accepted_message_is_answered_while_sending_is_paused() {
    let app = start().await;
    let user = app.user().await;
    let room = app.create_chatroom(&user).await;
    let send = async || {
        let request = app.request("POST", &format!("/api/chatroom/{room}/message")).by(&user);
        request.header("idempotency-key", "one").json(json!({ "content": "hello" })).send().await
    };
    let first = send().await.expect(201);
    app.set_paused(&Feature::Sending, true);
    let repeated = send().await.expect(201);
    assert_eq!(repeated.body["message"]["id"], first.body["message"]["id"]);
}

#[tokio::test]
async fn message_is_accepted_while_a_model_can_answer_it() {
    let app = start().await;
    let user = app.user().await;
    let room = app.create_chatroom(&user).await;
    let models = &app.app.config.gemini.models;
    let (basic, pro) = (models.basic().id.clone(), models.pro().id.clone());
    let fallback = models.fallbacks().next().unwrap().id.clone();
    let send = async || post(&app, &user, &format!("{room}/message"), json!({ "content": "hello" })).await;
    app.set_paused(&model(&basic), true);
    let question = send().await.expect(201).text("/message/id");
    answer(&app, &question).await;
    for id in [&pro, &fallback] {
        app.set_paused(&model(id), true);
    }
    let _ = send().await.expect_problem(503, "model_paused");

    app.set_paused(&model(&pro), false);
    let _ = send().await.expect(201);
    let regenerate = format!("message/{question}/regenerate");
    let refused = post(&app, &user, &regenerate, json!({ "model": basic })).await;
    let _ = refused.expect_problem(503, "model_paused");
    app.set_paused(&model(&fallback), false);
    let _ = post(&app, &user, &regenerate, json!({ "model": basic })).await.expect(201);
}
