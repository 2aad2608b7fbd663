//! The path of a message: accepted, queued, answered, or retried.

use harness::unique;
use serde_json::json;

use super::stack::stack;

#[tokio::test]
async fn a_message_is_answered() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let user = stack.sign_up().await;
    let chatroom = user.create_chatroom(stack).await.unwrap();
    let question = unique("will it rain");

    let accepted = user.message(&chatroom, &question).send(stack).await.unwrap().expect(201);
    assert_eq!(accepted.body["message"]["processing_status"], "pending", "{}", accepted.body);
    let outcome = stack.outcome(&user, accepted.text("/message/id")).await;

    assert_eq!(outcome["processing_status"], "completed", "{outcome}");
    assert_eq!(outcome["attempts"], 1, "{outcome}");
    assert!(outcome["reply"]["content"].as_str().unwrap().contains(&question), "{outcome}");
    let history = stack.get(&user, &format!("/api/chatroom/{chatroom}")).await;
    let kinds: Vec<&str> =
        history["messages"].as_array().unwrap().iter().map(|m| m["message_type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["user", "ai"], "{history}");
    assert_eq!(stack.calls(&question).await, 1);
}

#[tokio::test]
async fn a_call_to_an_overloaded_gemini_is_retried() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let user = stack.sign_up().await;
    let chatroom = user.create_chatroom(stack).await.unwrap();
    let question = unique("are you busy");
    let overloaded = json!({"kind": "error", "status": 503});
    stack
        .script(&question, json!([overloaded, overloaded, {"kind": "answer", "text": "not any more"}]))
        .await;

    let message = user.send_text(stack, &chatroom, &question).await.unwrap();
    let outcome = stack.outcome(&user, message.id).await;

    assert_eq!(outcome["processing_status"], "completed", "{outcome}");
    assert_eq!(outcome["attempts"], 3, "{outcome}");
    assert_eq!(outcome["reply"]["content"], "not any more", "{outcome}");
    assert_eq!(stack.calls(&question).await, 3);
}

#[tokio::test]
async fn a_message_fails_after_three_attempts_and_is_refunded() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let user = stack.sign_up().await;
    let chatroom = user.create_chatroom(stack).await.unwrap();
    let question = unique("are you there");
    let overloaded = json!({"kind": "error", "status": 503});
    stack.script(&question, json!([overloaded, overloaded, overloaded])).await;

    let message = user.send_text(stack, &chatroom, &question).await.unwrap();
    let outcome = stack.outcome(&user, message.id).await;

    assert_eq!(outcome["processing_status"], "failed", "{outcome}");
    assert_eq!(outcome["error_code"], "gemini_overloaded", "{outcome}");
    assert_eq!(outcome["attempts"], 3, "{outcome}");
    let usage = stack.get(&user, "/api/user/me").await["usage"].take();
    assert_eq!(usage["daily_messages_used"], 0, "{usage}");
}

#[tokio::test]
async fn another_users_chatroom_is_not_found() {
    let stack = stack();
    let (owner, other) = (stack.sign_up().await, stack.sign_up().await);
    let chatroom = owner.create_chatroom(stack).await.unwrap();

    let refused = other.message(&chatroom, "let me in").send(stack).await.unwrap();

    assert_eq!(refused.status, 404);
}
