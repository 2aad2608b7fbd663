//! The path of a message: accepted, queued, answered, or retried.

use harness::unique;
use serde_json::{Value, json};

use super::stack::{assert_fields, stack};

#[tokio::test]
async fn a_message_is_answered() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let (user, chatroom) = stack.user_with_chatroom().await;
    let question = unique("will it rain");

    let accepted = user.message(&chatroom, &question).send(stack).await.unwrap().expect(201);
    assert_fields(&accepted.body["message"], &json!({ "processing_status": "pending" }));
    let outcome = stack.outcome(&user, accepted.text("/message/id")).await;

    assert_fields(&outcome, &json!({ "processing_status": "completed", "attempts": 1 }));
    assert!(outcome["reply"]["content"].as_str().unwrap().contains(&question), "{outcome}");
    let history = stack.get(&user, &format!("/api/chatroom/{chatroom}")).await;
    let kinds: Vec<&Value> =
        history["messages"].as_array().unwrap().iter().map(|message| &message["message_type"]).collect();
    assert_eq!(kinds, ["user", "ai"], "{history}");
    assert_eq!(stack.calls(&question).await, 1);
}

#[tokio::test]
async fn a_call_to_an_overloaded_gemini_is_retried_twice_and_a_failure_is_refunded() {
    let overloaded = json!({ "kind": "error", "status": 503 });
    let answer = json!({ "kind": "answer", "text": "not any more" });
    let completed = json!({ "processing_status": "completed", "attempts": 3 });
    let failed = json!({ "processing_status": "failed", "attempts": 3, "error_code": "gemini_overloaded" });
    for (last, expected, reply, charged) in
        [(&answer, &completed, "not any more".into(), 1), (&overloaded, &failed, Value::Null, 0)]
    {
        let stack = stack();
        let _worker = stack.with_worker().await;
        let (user, chatroom) = stack.user_with_chatroom().await;
        let question = unique("are you busy");
        stack.script(&question, json!([overloaded, overloaded, last])).await;

        let message = user.send_text(stack, &chatroom, &question).await.unwrap();
        let outcome = stack.outcome(&user, message.id).await;

        assert_fields(&outcome, expected);
        assert_eq!(outcome["reply"]["content"], reply, "{outcome}");
        assert_eq!(stack.calls(&question).await, 3);
        let usage = stack.get(&user, "/api/user/me").await["usage"].take();
        assert_fields(&usage, &json!({ "daily_messages_used": charged }));
    }
}

#[tokio::test]
async fn another_users_chatroom_is_not_found() {
    let stack = stack();
    let (_, chatroom) = stack.user_with_chatroom().await;

    let refused = stack.sign_up().await.message(&chatroom, "let me in").send(stack).await.unwrap();

    assert_eq!(refused.status, 404);
}
