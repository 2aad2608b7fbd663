//! Other answers, and edited questions.

use domain::Tier;
use serde_json::{Value, json};
use testkit::{TestApp, TestUser};

use super::{CHAT, ask, body, count, id_of, last_job, next, open, rest, start, text, used, with};
use crate::tests::{claim, deliver};

fn regenerated(message: &str, text: &str) -> Value {
    with(body(CHAT, message, text), "trigger", "regenerate-message")
}

fn edited(message: &str, text: &str) -> Value {
    with(body(CHAT, message, text), "messageId", message)
}

/// The messages that the chatroom of `chunks` shows.
async fn shown(app: &TestApp, user: &TestUser, chunks: &[Value]) -> Vec<Value> {
    let path = format!("/api/chatroom/{}", id_of(chunks, "chatroom_id"));
    let room = app.request("GET", &path).by(user).send().await.expect(200);
    room.body["messages"].as_array().unwrap().clone()
}

#[tokio::test]
async fn regeneration_makes_another_answer_to_the_same_question() {
    let app = start().await;
    let user = app.user().await;
    let first = ask(&app, &user, body(CHAT, "m1", "hello")).await;
    app.model.answer_with("Another answer");
    let second = ask(&app, &user, regenerated("m1", "hello")).await;
    assert_eq!(text(&second), "Another answer");
    assert_eq!(id_of(&second, "question_id"), id_of(&first, "question_id"));
    assert_ne!(second[0]["messageId"], first[0]["messageId"]);
    let messages = shown(&app, &user, &first).await;
    assert_eq!((messages.len(), &messages[1]["siblings"]["count"]), (2, &json!(2)));
    assert_eq!(used(&app, &user).await, 2);
    // A repeated submit gets the answer that the chatroom shows.
    let again = rest(&mut open(&app, &user, body(CHAT, "m1", "hello")).await).await;
    assert_eq!((&again[0], text(&again)), (&second[0], "Another answer".to_owned()));
}

#[tokio::test]
async fn regeneration_while_the_answer_is_written_follows_it() {
    let app = start().await;
    let user = app.user().await;
    let start = next(&mut open(&app, &user, body(CHAT, "m1", "hello")).await).await;
    claim(&app, &last_job(&app), 1).await;
    let mut stream = open(&app, &user, regenerated("m1", "hello")).await;
    assert_eq!(next(&mut stream).await, start);
    assert_eq!((used(&app, &user).await, app.queue.sent().len()), (1, 1));
}

#[tokio::test]
async fn page_that_has_loaded_the_chatroom_uses_its_ids() {
    let app = start().await;
    let user = app.user().await;
    let room = app.create_chatroom(&user).await;
    let question = app.send_message(&user, &room, "hello").await;
    deliver(&app, &question).await;
    let body = |text| body(&room, &question, text);
    let another = ask(&app, &user, with(body("hello"), "trigger", "regenerate-message")).await;
    assert_eq!(id_of(&another, "question_id"), question);
    let corrected = ask(&app, &user, with(body("goodbye"), "messageId", &question)).await;
    assert_ne!(id_of(&corrected, "question_id"), question);
    let messages = shown(&app, &user, &corrected).await;
    assert_eq!((&messages[0]["content"], &messages[0]["siblings"]["count"]), (&json!("goodbye"), &json!(2)));
}

#[tokio::test]
async fn edited_question_is_another_version() {
    let app = start().await;
    let user = app.user().await;
    let first = ask(&app, &user, body(CHAT, "m1", "one")).await;
    ask(&app, &user, body(CHAT, "m2", "what follows")).await;
    let second = ask(&app, &user, edited("m1", "two")).await;
    assert_eq!(text(&second), "Echo: two");
    let messages = shown(&app, &user, &first).await;
    assert_eq!((messages.len(), &messages[0]["siblings"]["count"]), (2, &json!(2)));
    assert_eq!(messages[0]["id"], json!(id_of(&second, "question_id")));
    // Each of these has been answered.
    let jobs = app.queue.sent().len();
    for repeated in [edited("m1", "two"), body(CHAT, "m1", "two")] {
        let again = rest(&mut open(&app, &user, repeated).await).await;
        assert_eq!(again[0], second[0]);
    }
    let delayed = rest(&mut open(&app, &user, body(CHAT, "m1", "one")).await).await;
    assert_eq!((&delayed[0], app.queue.sent().len(), used(&app, &user).await), (&first[0], jobs, 3));
}

#[tokio::test]
async fn edit_back_to_an_earlier_text_starts_anew() {
    let app = start().await;
    let user = app.user().await;
    app.set_tier(&user, Tier::Pro).await;
    ask(&app, &user, body(CHAT, "m1", "one")).await;
    ask(&app, &user, body(CHAT, "m2", "what followed")).await;
    ask(&app, &user, edited("m1", "two")).await;
    let third = ask(&app, &user, edited("m1", "one")).await;
    ask(&app, &user, body(CHAT, "m3", "next")).await;
    let prompt = app.model.prompts().pop().unwrap();
    let turns: Vec<&str> = prompt.turns.iter().map(|turn| turn.text.as_str()).collect();
    assert_eq!(turns, ["one", "Echo: one", "next"]);
    assert_eq!(shown(&app, &user, &third).await[0]["siblings"]["count"], 3);
    // Another answer is one to the version that the page shows.
    let another = ask(&app, &user, regenerated("m1", "one")).await;
    assert_eq!(id_of(&another, "question_id"), id_of(&third, "question_id"));
}

#[tokio::test]
async fn edits_at_once_make_one_version() {
    let app = start().await;
    let user = app.user().await;
    ask(&app, &user, body(CHAT, "m1", "one")).await;
    let edit = || open(&app, &user, edited("m1", "two"));
    let (mut a, mut b) = tokio::join!(edit(), edit());
    assert_eq!(next(&mut a).await, next(&mut b).await);
    assert_eq!((count(&app, "messages WHERE message_type = 'user'").await, used(&app, &user).await), (2, 2));
}

#[tokio::test]
async fn edit_that_never_arrived_is_made_up_for_by_a_regeneration() {
    let app = start().await;
    let user = app.user().await;
    ask(&app, &user, body(CHAT, "m1", "one")).await;
    let corrected = ask(&app, &user, regenerated("m1", "two")).await;
    assert_eq!(text(&corrected), "Echo: two");
    assert_eq!(shown(&app, &user, &corrected).await[0]["siblings"]["count"], 2);
}
