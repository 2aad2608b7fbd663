//! Search, export and deletion of an account.

use harness::{PASSWORD, Request, TestUser, unique};
use serde_json::{Value, json};

use super::stack::stack;

#[tokio::test]
async fn messages_are_found_and_exported_and_deleted_with_the_account() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let (user, chatroom) = stack.user_with_chatroom().await;
    let text = unique("a thought");
    let message = user.send_text(stack, &chatroom, &text).await.unwrap();
    assert_eq!(stack.outcome(&user, message.id).await["processing_status"], "completed");

    let word = text.split(' ').next_back().unwrap();
    let found = stack.get(&user, &format!("/api/chatroom/search?q={word}")).await;
    let kinds: Vec<&Value> =
        found["results"].as_array().unwrap().iter().map(|hit| &hit["message_type"]).collect();
    assert_eq!(kinds, [&json!("ai"), &json!("user")], "{found}");

    let export = stack.get(&user, "/api/user/export").await;
    let lines: Vec<Value> =
        export.as_str().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["type"], &lines.last().unwrap()["type"]), (&json!("account"), &json!("end")));
    assert_eq!(lines.iter().filter(|line| line["type"] == "message").count(), 2);

    let delete =
        |password: &str| user.request("DELETE", "/api/user/me").json(&json!({ "password": password }));
    delete("not the password").send(stack).await.unwrap().expect(400);
    delete(PASSWORD).send(stack).await.unwrap().expect(200);
    delete(PASSWORD).send(stack).await.unwrap().expect(401);
    let login = json!({ "mobile_number": user.number, "password": PASSWORD });
    Request::post("/api/auth/login", &login).send(stack).await.unwrap().expect(401);
}

#[tokio::test]
async fn new_account_with_the_number_of_a_deleted_one_has_the_rest_of_its_quota() {
    let stack = stack();
    let (mut user, chatroom) = stack.user_with_chatroom().await;
    user.send_messages(stack, &chatroom, 4).await.unwrap();
    for remaining in [1, 0] {
        let delete = user.request("DELETE", "/api/user/me").json(&json!({ "password": PASSWORD }));
        delete.send(stack).await.unwrap().expect(200);
        user = TestUser::sign_up_with_number(stack, user.number).await.unwrap();
        let usage = stack.get(&user, "/api/user/me").await["usage"].take();
        assert_eq!(usage["remaining_messages"], remaining, "{usage}");
        let chatroom = user.create_chatroom(stack).await.unwrap();
        let sent = user.message(&chatroom, "hello").send(stack).await.unwrap();
        assert_eq!(sent.status.as_u16(), if remaining == 1 { 201 } else { 429 });
    }
}
