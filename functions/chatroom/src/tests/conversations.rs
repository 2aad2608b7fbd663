//! What a chatroom shows of its messages and their answers.

use serde_json::json;

use super::{answer, start};

#[tokio::test]
async fn creation_times_never_decrease_although_clocks_differ() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    // Another function, whose clock is ahead, has stored the first message.
    app.send_message(&user, &chatroom, "first").await;
    let ahead = "2099-01-01T00:00:00.123456Z";
    app.execute(&format!("UPDATE messages SET created_at = '{ahead}'")).await;
    app.execute(&format!("UPDATE chatrooms SET last_message_at = '{ahead}'")).await;
    let path = format!("/api/chatroom/{chatroom}");
    let second =
        app.request("POST", &format!("{path}/message")).by(&user).json(json!({ "content": "second" }));
    let sent = second.send().await.expect(201);
    let room = app.request("GET", &path).by(&user).send().await.expect(200).body;
    assert_eq!(sent.body["message"]["created_at"], ahead);
    assert_eq!(room["messages"][1]["created_at"], ahead);
    assert_eq!(room["chatroom"]["last_message_at"], ahead);
    assert!(app.query_value::<bool>("SELECT max(sweep_at) < now() + interval '1 hour' FROM messages").await);
}

#[tokio::test]
async fn messages_show_question_failure_and_completeness() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let question = app.send_message(&user, &chatroom, "question").await;
    let answer = answer(&app, &question).await;
    let failed = app.send_message(&user, &chatroom, "failing").await;
    let failure = "processing_status = 'failed', error_code = 'timeout', attempts = 3";
    app.execute(&format!("UPDATE messages SET {failure} WHERE id = '{failed}'")).await;

    let room =
        app.request("GET", &format!("/api/chatroom/{chatroom}")).by(&user).send().await.expect(200).body;
    let facts = |message: &serde_json::Value| {
        ["id", "reply_to", "error_code", "attempts", "finish_reason", "model"]
            .map(|name| message[name].clone())
    };
    let messages: Vec<_> = room["messages"].as_array().unwrap().iter().map(facts).collect();
    let none = json!(null);
    assert_eq!(
        messages,
        [
            [json!(question), none.clone(), none.clone(), json!(0), none.clone(), none.clone()],
            [json!(answer), json!(question), none.clone(), json!(0), json!("max_tokens"), json!("a-model")],
            [json!(failed), none.clone(), json!("timeout"), json!(3), none.clone(), none],
        ]
    );
    let status = format!("/api/chatroom/message/{question}/status");
    let reply =
        app.request("GET", &status).by(&user).send().await.expect(200).body["message"]["reply"].clone();
    assert_eq!((&reply["finish_reason"], &reply["model"]), (&json!("max_tokens"), &json!("a-model")));
}
