//! What the runbook describes: find out why a message failed, and retry it.

use harness::unique;
use serde_json::json;

use super::stack::stack;

#[tokio::test]
async fn an_operator_sees_why_a_message_failed_and_retries_it() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let ((user, chatroom), operator) = (stack.user_with_chatroom().await, stack.sign_up().await);
    stack.dev(&["admin", &operator.number]);
    let question = unique("what went wrong");
    stack.script(&question, json!([{"kind": "blocked_prompt"}])).await;
    let message = user.send_text(stack, &chatroom, &question).await.unwrap().id.to_string();
    assert_eq!(stack.outcome(&user, &message).await["error_code"], "blocked_by_safety");

    let failed = stack.get(&operator, "/api/queue/failed?limit=100").await["failed"].take();
    assert!(failed.as_array().unwrap().iter().any(|job| job["id"] == message.as_str()), "{failed}");
    let job = stack.get(&operator, &format!("/api/queue/jobs/{message}")).await["job"].take();
    assert!(job["last_attempt"]["error"].as_str().unwrap().contains("PROHIBITED_CONTENT"), "{job}");
    let retry = operator.request("POST", format!("/api/queue/failed/{message}/retry")).json(&json!({}));
    retry.send(stack).await.unwrap().expect(200);

    let answered = stack.outcome(&user, &message).await;
    assert_eq!((&answered["processing_status"], &answered["attempts"]), (&json!("completed"), &json!(1)));
    let usage = stack.get(&user, "/api/user/me").await["usage"].take();
    // The blocked prompt keeps its unit, and the operator's retry costs none.
    assert_eq!(usage["daily_messages_used"], 1, "{usage}");
    stack.dev(&["admin", &operator.number, "--revoke"]);
    let redrive = operator.request("POST", "/api/queue/redrive").json(&json!({}));
    redrive.send(stack).await.unwrap().expect(403);
}
