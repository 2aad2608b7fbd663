//! Finding what was written, taking it along, and leaving.

use serde_json::{Value, json};

use super::person::{PASSWORD, Person, unique};
use super::stack::stack;

#[tokio::test]
async fn what_was_answered_is_found_and_exported_and_gone_with_the_account() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let person = Person::sign_up(stack).await;
    let (room, text) = (person.create_room("Journal").await, unique("a thought"));
    let message = person.send(&room, &text).await;
    assert_eq!(person.outcome(&message).await["processing_status"], "completed");

    let word = text.split(' ').next_back().unwrap();
    let found = person.get(&format!("/api/chatroom/search?q={word}")).await;
    let kinds: Vec<&Value> =
        found["results"].as_array().unwrap().iter().map(|hit| &hit["message_type"]).collect();
    assert_eq!(kinds, [&json!("ai"), &json!("user")], "{found}");

    let export = person.text("/api/user/export").await;
    let lines: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["type"], &lines.last().unwrap()["type"]), (&json!("account"), &json!("end")));
    assert_eq!(lines.iter().filter(|line| line["type"] == "message").count(), 2);

    person.delete("/api/user/me", &json!({ "password": "not the password" }), 401).await;
    person.delete("/api/user/me", &json!({ "password": PASSWORD }), 200).await;
    person.delete("/api/user/me", &json!({ "password": PASSWORD }), 401).await;
    let body = json!({ "mobile_number": person.number, "password": PASSWORD });
    person.post("/api/auth/login", &body, 401).await;
}
