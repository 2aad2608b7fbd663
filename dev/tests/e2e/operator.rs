//! The runbook's way: why a message failed, and answering it again.

use serde_json::json;

use super::person::{Person, unique};
use super::stack::stack;

#[tokio::test]
async fn an_operator_sees_why_a_message_failed_and_has_it_answered() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let (person, operator) = (Person::sign_up(stack).await, Person::sign_up(stack).await);
    stack.dev(&["admin", &operator.number]);
    let question = unique("what went wrong");
    stack.script(&question, json!([{"kind": "blocked_prompt"}])).await;
    let room = person.create_room("trouble").await;
    let message = person.send(&room, &question).await;
    assert_eq!(person.outcome(&message).await["error_code"], "blocked_by_safety");

    let failed = operator.get("/api/queue/failed?limit=100").await["failed"].take();
    assert!(failed.as_array().unwrap().iter().any(|job| job["id"] == message.as_str()), "{failed}");
    let job = operator.get(&format!("/api/queue/jobs/{message}")).await["job"].take();
    assert!(job["last_attempt"]["error"].as_str().unwrap().contains("PROHIBITED_CONTENT"), "{job}");
    operator.post(&format!("/api/queue/failed/{message}/retry"), &json!({}), 200).await;

    let answered = person.outcome(&message).await;
    assert_eq!((&answered["processing_status"], &answered["attempts"]), (&json!("completed"), &json!(1)));
    let usage = person.get("/api/user/me").await["usage"].take();
    assert_eq!(usage["daily_messages_used"], 0, "an operator's retry is on the house: {usage}");
    stack.dev(&["admin", &operator.number, "--revoke"]);
    operator.post("/api/queue/redrive", &json!({}), 403).await;
}
