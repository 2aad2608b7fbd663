//! Which model answers while an operator has paused one.

use domain::switches::Feature;
use serde_json::json;
use testkit::TestApp;

use super::{deliver, start, status};

fn pause(app: &TestApp, id: &str, is_paused: bool) {
    app.set_paused(&Feature::Model(id.to_owned()), is_paused);
}

#[tokio::test]
async fn fallback_answers_while_the_model_is_paused() {
    let app = start().await;
    let models = &app.app.config.gemini.models;
    let (basic, fallback) = (models.basic().id.clone(), models.fallbacks().next().unwrap().id.clone());
    let user = app.user().await;
    let room = app.create_chatroom(&user).await;
    pause(&app, &basic, true);
    let first = app.send_message(&user, &room, "one").await;
    assert!(deliver(&app, &[&first]).await.is_empty());
    pause(&app, &basic, false);
    let second = app.send_message(&user, &room, "two").await;
    assert!(deliver(&app, &[&second]).await.is_empty());
    let called: Vec<String> = app.model.prompts().into_iter().map(|prompt| prompt.model).collect();
    let answers: Vec<&String> =
        called.iter().filter(|model| **model == fallback || **model == basic).collect();
    assert_eq!(answers.first(), Some(&&fallback), "{called:?}");
    assert_eq!(answers.last(), Some(&&basic), "{called:?}");
}

#[tokio::test]
async fn accepted_message_waits_until_a_model_is_resumed() {
    let app = TestApp::serving(chatroom::routes()).var("GEMINI_MODEL_FALLBACK", "none").start().await;
    let basic = app.app.config.gemini.models.basic().id.clone();
    let user = app.user().await;
    let room = app.create_chatroom(&user).await;
    let question = app.send_message(&user, &room, "hello").await;
    pause(&app, &basic, true);
    assert_eq!(deliver(&app, &[&question]).await.len(), 1, "SQS delivers it again");
    let waiting = status(&app, &user, &question).await;
    assert_eq!(
        (&waiting["processing_status"], &waiting["waiting_for"], &waiting["attempts"]),
        (&json!("pending"), &json!("outage"), &json!(0)),
        "{waiting}"
    );
    assert!(app.model.prompts().is_empty());

    pause(&app, &basic, false);
    assert!(deliver(&app, &[&question]).await.is_empty());
    assert_eq!(status(&app, &user, &question).await["processing_status"], "completed");
}
