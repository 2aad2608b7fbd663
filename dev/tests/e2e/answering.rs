//! The way of a message: accepted, queued, answered, or tried again.

use serde_json::json;

use super::person::{Person, unique};
use super::stack::stack;

#[tokio::test]
async fn a_message_is_answered() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let person = Person::sign_up(stack).await;
    let room = person.create_room("weather").await;
    let question = unique("will it rain");

    let message = person.send(&room, &question).await;
    let outcome = person.outcome(&message).await;

    assert_eq!(outcome["processing_status"], "completed", "{outcome}");
    assert_eq!(outcome["attempts"], 1, "{outcome}");
    assert!(outcome["reply"]["content"].as_str().unwrap().contains(&question), "{outcome}");
    let history = person.get(&format!("/api/chatroom/{room}")).await;
    let kinds: Vec<&str> =
        history["messages"].as_array().unwrap().iter().map(|m| m["message_type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["user", "ai"], "{history}");
    assert_eq!(stack.calls(&question).await, 1);
}

#[tokio::test]
async fn an_overloaded_gemini_is_asked_again() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let person = Person::sign_up(stack).await;
    let room = person.create_room("storm").await;
    let question = unique("are you busy");
    let overloaded = json!({"kind": "error", "status": 503});
    stack
        .script(&question, json!([overloaded, overloaded, {"kind": "answer", "text": "not any more"}]))
        .await;

    let message = person.send(&room, &question).await;
    let outcome = person.outcome(&message).await;

    assert_eq!(outcome["processing_status"], "completed", "{outcome}");
    assert_eq!(outcome["attempts"], 3, "{outcome}");
    assert_eq!(outcome["reply"]["content"], "not any more", "{outcome}");
    assert_eq!(stack.calls(&question).await, 3);
}

#[tokio::test]
async fn a_gemini_that_stays_overloaded_is_given_up_and_costs_nothing() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let person = Person::sign_up(stack).await;
    let room = person.create_room("storm").await;
    let question = unique("are you there");
    let overloaded = json!({"kind": "error", "status": 503});
    stack.script(&question, json!([overloaded, overloaded, overloaded])).await;

    let message = person.send(&room, &question).await;
    let outcome = person.outcome(&message).await;

    assert_eq!(outcome["processing_status"], "failed", "{outcome}");
    assert_eq!(outcome["error_code"], "gemini_overloaded", "{outcome}");
    assert_eq!(outcome["attempts"], 3, "{outcome}");
    let usage = person.get("/api/user/me").await["usage"].take();
    assert_eq!(usage["daily_messages_used"], 0, "{usage}");
}

#[tokio::test]
async fn nobody_sees_another_ones_message() {
    let stack = stack();
    let (owner, other) = (Person::sign_up(stack).await, Person::sign_up(stack).await);
    let room = owner.create_room("mine").await;

    let refused = other.try_send(&room, "let me in").await;

    assert_eq!(refused.status(), 404);
}
