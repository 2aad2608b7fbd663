//! Branches of a chatroom: other answers, corrected questions, and what the model reads of them.

use clients::gemini::GenerateError;
use serde_json::{Value, json};
use testkit::{TestApp, TestUser};

use super::{deliver, status};

/// A chatroom of a new user, whose answers are made at once.
struct Room {
    app: TestApp,
    user: TestUser,
    id: String,
}

impl Room {
    async fn start() -> Self {
        let app = TestApp::serving(chatroom::routes()).var("BASIC_DAILY_MESSAGE_LIMIT", "100").start().await;
        let user = app.user().await;
        let id = app.create_chatroom(&user).await;
        Self { app, user, id }
    }

    async fn call(&self, method: &str, path: &str, body: Value, status: u16) -> Value {
        let path = format!("/api/chatroom/{path}");
        let request = self.app.request(method, &path).by(&self.user);
        let request = if body.is_null() { request } else { request.json(body) };
        request.send().await.expect(status).body
    }

    /// Sends a message after `parent`, and lets it be answered.
    async fn ask_after(&self, parent: Option<&str>, content: &str) -> String {
        let body = json!({ "content": content, "parent_id": parent });
        let sent = self.call("POST", &format!("{}/message", self.id), body, 201).await;
        self.answered(&sent).await
    }

    async fn ask(&self, content: &str) -> String {
        self.ask_after(None, content).await
    }

    async fn edit(&self, message: &str, content: &str) -> String {
        let edited =
            self.call("POST", &format!("message/{message}/edit"), json!({ "content": content }), 201).await;
        self.answered(&edited).await
    }

    /// Delivers the newest generation of an accepted message.
    async fn answered(&self, accepted: &Value) -> String {
        let id = accepted["message"]["id"].as_str().unwrap().to_owned();
        self.deliver_newest().await;
        id
    }

    async fn deliver_newest(&self) {
        let generation: String = self
            .app
            .query_value("SELECT id::text FROM generations ORDER BY created_at DESC, position DESC LIMIT 1")
            .await;
        assert!(deliver(&self.app, &[&generation]).await.is_empty());
    }

    async fn regenerate(&self, message: &str) {
        let _ = self.call("POST", &format!("message/{message}/regenerate"), Value::Null, 201).await;
        self.deliver_newest().await;
    }

    async fn switch_to(&self, message: &str) {
        let _ = self.call("PUT", &format!("{}/branch", self.id), json!({ "message_id": message }), 200).await;
    }

    async fn messages(&self) -> Vec<Value> {
        self.call("GET", &self.id, Value::Null, 200).await["messages"].as_array().unwrap().clone()
    }

    /// The texts that the chatroom shows.
    async fn line(&self) -> Vec<String> {
        let text = |message: &Value| message["content"].as_str().unwrap().to_owned();
        self.messages().await.iter().map(text).collect()
    }

    /// The texts of the last prompt.
    fn prompt(&self) -> Vec<String> {
        let prompts = self.app.model.prompts();
        prompts.last().unwrap().turns.iter().map(|turn| turn.text.clone()).collect()
    }

    /// The id of the answer that the chatroom shows to `question`.
    async fn answer_to(&self, question: &str) -> String {
        status(&self.app, &self.user, question).await["reply"]["id"].as_str().unwrap().to_owned()
    }

    /// Whether the stored counters are those of the rows.
    async fn counters_are_exact(&self) -> bool {
        const EXACT: &str = "
            SELECT (SELECT message_count - ai_response_count FROM chatrooms) = count(*) FILTER (WHERE message_type = 'user')
                AND (SELECT ai_response_count FROM chatrooms) = count(*) FILTER (WHERE message_type = 'ai')
                AND (SELECT message_count FROM users) = count(*) FILTER (WHERE message_type = 'user')
                AND (SELECT ai_response_count FROM users) = count(*) FILTER (WHERE message_type = 'ai')
            FROM messages";
        self.app.query_value(EXACT).await
    }
}

#[tokio::test]
async fn regenerated_answer_stands_beside_the_first_and_does_not_know_it() {
    let room = Room::start().await;
    let (first, second) = (room.ask("one").await, room.ask("two").await);
    let old = room.answer_to(&second).await;
    room.regenerate(&old).await;

    assert_eq!(room.prompt(), ["one", "Echo: one", "two"]);
    let messages = room.messages().await;
    assert_eq!(room.line().await, ["one", "Echo: one", "two", "Echo: two"]);
    let new = room.answer_to(&second).await;
    let siblings = json!({ "count": 2, "index": 1, "ids": [old, new] });
    assert_eq!((&messages[3]["id"], &messages[3]["siblings"]), (&json!(new), &siblings));
    assert_eq!(messages[3]["reply_to"], second);
    assert_eq!(messages[2]["answers"], json!([old, new]));
    assert_eq!((&messages[0]["siblings"], &messages[1]["siblings"]), (&Value::Null, &Value::Null));
    assert_ne!(first, second);
    assert!(room.counters_are_exact().await);
    assert_eq!(room.app.query_value::<i32>("SELECT messages FROM daily_usage").await, 3);
}

#[tokio::test]
async fn edited_question_begins_a_branch_and_the_old_one_remains() {
    let room = Room::start().await;
    let (_, second) = (room.ask("one").await, room.ask("two").await);
    room.ask("three").await;
    let edited = room.edit(&second, "zwei").await;

    assert_eq!(room.prompt(), ["one", "Echo: one", "zwei"]);
    assert_eq!(room.line().await, ["one", "Echo: one", "zwei", "Echo: zwei"]);
    let siblings = json!({ "count": 2, "index": 1, "ids": [second, edited] });
    assert_eq!(room.messages().await[2]["siblings"], siblings);

    room.switch_to(&second).await;
    assert_eq!(room.line().await, ["one", "Echo: one", "two", "Echo: two", "three", "Echo: three"]);
    room.ask("four").await;
    assert_eq!(room.prompt()[2..], ["two", "Echo: two", "three", "Echo: three", "four"]);
    room.switch_to(&edited).await;
    assert_eq!(room.line().await, ["one", "Echo: one", "zwei", "Echo: zwei"]);
    assert!(room.counters_are_exact().await);
}

#[tokio::test]
async fn first_question_can_be_edited() {
    let room = Room::start().await;
    let first = room.ask("one").await;
    room.ask("two").await;
    room.edit(&first, "eins").await;
    assert_eq!(room.prompt(), ["eins"]);
    assert_eq!(room.line().await, ["eins", "Echo: eins"]);
    room.switch_to(&first).await;
    assert_eq!(room.line().await, ["one", "Echo: one", "two", "Echo: two"]);
}

#[tokio::test]
async fn each_tab_continues_the_branch_that_it_shows() {
    let room = Room::start().await;
    let first = room.ask("one").await;
    let edited = room.edit(&first, "eins").await;
    let (old, new) = {
        room.switch_to(&first).await;
        let old = room.answer_to(&first).await;
        (old, room.answer_to(&edited).await)
    };
    room.ask_after(Some(&new), "zwei").await;
    assert_eq!(room.prompt(), ["eins", "Echo: eins", "zwei"]);
    room.ask_after(Some(&old), "two").await;
    assert_eq!(room.prompt(), ["one", "Echo: one", "two"]);
    assert_eq!(room.line().await, ["one", "Echo: one", "two", "Echo: two"]);
    // The last message of the branch that is shown: no branch begins.
    let last = room.messages().await[3]["id"].as_str().unwrap().to_owned();
    room.ask_after(Some(&last), "three").await;
    assert_eq!(room.line().await.len(), 6);
    assert_eq!(room.messages().await[4]["siblings"], Value::Null);
}

#[tokio::test]
async fn message_after_a_deleted_parent_is_refused() {
    let room = Room::start().await;
    let first = room.ask("one").await;
    let _ = room.call("DELETE", &format!("message/{first}"), Value::Null, 200).await;
    let body = json!({ "content": "two", "parent_id": first });
    let refused = room.call("POST", &format!("{}/message", room.id), body, 409).await;
    assert_eq!(refused["code"], "parent_not_found");
    assert_eq!(room.app.query_value::<i64>("SELECT count(*) FROM messages").await, 0);
    assert_eq!(room.app.query_value::<i32>("SELECT messages FROM daily_usage").await, 1);
}

#[tokio::test]
async fn deleted_branch_leaves_nothing_and_shows_its_sibling() {
    let room = Room::start().await;
    let (_, second) = (room.ask("one").await, room.ask("two").await);
    room.ask("three").await;
    let edited = room.edit(&second, "zwei").await;
    room.ask("drei").await;
    room.regenerate(&edited).await;
    let _ = room.call("DELETE", &format!("message/{edited}"), Value::Null, 200).await;

    assert_eq!(room.line().await, ["one", "Echo: one", "two", "Echo: two", "three", "Echo: three"]);
    let left: String =
        room.app.query_value("SELECT string_agg(content, ',' ORDER BY position) FROM messages").await;
    assert_eq!(left, "one,Echo: one,two,Echo: two,three,Echo: three");
    assert_eq!(room.app.query_value::<i64>("SELECT count(*) FROM generations").await, 3);
    assert!(room.counters_are_exact().await);
    let found = room.call("GET", "search?q=zwei", Value::Null, 200).await;
    assert_eq!(found["results"], json!([]));
}

#[tokio::test]
async fn deleted_answer_leaves_its_question_and_shows_another_answer() {
    let room = Room::start().await;
    let first = room.ask("one").await;
    let old = room.answer_to(&first).await;
    room.regenerate(&first).await;
    let new = room.answer_to(&first).await;
    room.ask("two").await;
    let _ = room.call("DELETE", &format!("message/{new}"), Value::Null, 200).await;
    assert_eq!(room.line().await, ["one", "Echo: one"]);
    assert_eq!(room.answer_to(&first).await, old);
    let _ = room.call("DELETE", &format!("message/{old}"), Value::Null, 200).await;
    assert_eq!(room.line().await, ["one"]);
    assert!(room.counters_are_exact().await);
    // The question can be answered again, and the chatroom goes on.
    room.regenerate(&first).await;
    room.ask("three").await;
    assert_eq!(room.line().await, ["one", "Echo: one", "three", "Echo: three"]);
}

#[tokio::test]
async fn message_that_waits_is_refunded_when_it_is_deleted() {
    let room = Room::start().await;
    let first = room.ask("one").await;
    let _ = room.app.send_message(&room.user, &room.id, "waiting").await;
    let _ = room.call("DELETE", &format!("message/{first}"), Value::Null, 200).await;
    assert_eq!(room.app.query_value::<i32>("SELECT messages FROM daily_usage").await, 1);
    assert!(room.counters_are_exact().await);
}

#[tokio::test]
async fn one_of_ten_simultaneous_requests_for_another_answer_is_accepted() {
    let room = Room::start().await;
    let first = room.ask("one").await;
    let path = format!("/api/chatroom/message/{first}/regenerate");
    let request = || async { room.app.request("POST", &path).by(&room.user).send().await.status.as_u16() };
    let statuses = futures::future::join_all((0..10).map(|_| request())).await;
    let accepted = statuses.iter().filter(|status| **status == 201).count();
    assert_eq!((accepted, statuses.iter().filter(|status| **status == 409).count()), (1, 9));
    assert_eq!(room.app.query_value::<i64>("SELECT count(*) FROM generations").await, 2);
    assert_eq!(room.app.query_value::<i32>("SELECT messages FROM daily_usage").await, 2);
}

#[tokio::test]
async fn failed_regeneration_can_be_retried_and_the_old_answer_is_reached_again() {
    let room = Room::start().await;
    let first = room.ask("one").await;
    let old = room.answer_to(&first).await;
    room.app.model.fail_with(GenerateError::BlockedPrompt { reason: "SAFETY".to_owned() });
    room.regenerate(&first).await;

    let failed = status(&room.app, &room.user, &first).await;
    assert_eq!((&failed["processing_status"], &failed["reply"]), (&json!("failed"), &Value::Null));
    assert_eq!(failed["error_code"], "blocked_by_safety");
    assert_eq!(room.messages().await[0]["answers"], json!([old]));
    room.switch_to(&old).await;
    let shown = status(&room.app, &room.user, &first).await;
    assert_eq!((&shown["processing_status"], &shown["reply"]["id"]), (&json!("completed"), &json!(old)));
    assert_eq!(room.line().await, ["one", "Echo: one"]);
    room.ask("two").await;
    assert_eq!(room.prompt(), ["one", "Echo: one", "two"]);
}

#[tokio::test]
async fn questions_without_an_answer_are_no_history() {
    let room = Room::start().await;
    room.ask("one").await;
    room.app.model.fail_with(GenerateError::BlockedPrompt { reason: "SAFETY".to_owned() });
    room.ask("blocked").await;
    let cancelled = room.app.send_message(&room.user, &room.id, "cancelled").await;
    let _ = room.call("POST", &format!("message/{cancelled}/cancel"), Value::Null, 200).await;
    room.ask("two").await;
    assert_eq!(room.prompt(), ["one", "Echo: one", "two"]);
}

#[tokio::test]
async fn queued_question_follows_the_answer_that_is_being_written() {
    let room = Room::start().await;
    let first = room.app.send_message(&room.user, &room.id, "one").await;
    let second = room.app.send_message(&room.user, &room.id, "two").await;
    assert!(deliver(&room.app, &[&first, &second]).await.is_empty());
    assert_eq!(room.prompt(), ["one", "Echo: one", "two"]);
    assert_eq!(room.line().await, ["one", "two", "Echo: one", "Echo: two"]);
    room.regenerate(&first).await;
    assert_eq!(room.line().await, ["one", "Echo: one"]);
    room.switch_to(&second).await;
    assert_eq!(room.line().await, ["one", "two", "Echo: one", "Echo: two"]);
}

/// Makes all rows such as the release before generations has written them.
const AGE: &str = "
    ALTER TABLE messages DISABLE TRIGGER USER;
    UPDATE messages SET generation_id = NULL, parent_generation_id = NULL;
    DELETE FROM generations;
    ALTER TABLE messages ENABLE TRIGGER USER;";

#[tokio::test]
async fn messages_from_before_generations_are_history_and_can_be_edited() {
    let room = Room::start().await;
    let (first, second) = (room.ask("one").await, room.ask("two").await);
    let third = room.ask("three").await;
    room.app.execute(AGE).await;

    assert_eq!(status(&room.app, &room.user, &second).await["reply"]["content"], "Echo: two");
    room.ask("four").await;
    assert_eq!(room.prompt()[2..], ["two", "Echo: two", "three", "Echo: three", "four"]);
    room.edit(&second, "zwei").await;
    assert_eq!(room.prompt(), ["one", "Echo: one", "zwei"]);
    room.regenerate(&first).await;
    assert_eq!(room.line().await, ["one", "Echo: one"]);
    room.switch_to(&third).await;
    let line = room.line().await;
    assert_eq!(line[2..], ["two", "Echo: two", "three", "Echo: three", "four", "Echo: four"]);
    let _ = room.call("DELETE", &format!("message/{second}"), Value::Null, 200).await;
    assert_eq!(room.line().await, ["one", "Echo: one", "zwei", "Echo: zwei"]);
    assert!(room.counters_are_exact().await);
}

#[tokio::test]
async fn owner_of_another_account_reaches_no_branch() {
    let room = Room::start().await;
    let first = room.ask("one").await;
    let other = room.app.user().await;
    let room_of_other = room.app.create_chatroom(&other).await;
    for (method, path, body) in [
        ("POST", format!("message/{first}/regenerate"), Value::Null),
        ("POST", format!("message/{first}/edit"), json!({ "content": "x" })),
        ("DELETE", format!("message/{first}"), Value::Null),
        ("PUT", format!("{}/branch", room.id), json!({ "message_id": first })),
        ("PUT", format!("{room_of_other}/branch"), json!({ "message_id": first })),
    ] {
        let request = room.app.request(method, &format!("/api/chatroom/{path}")).by(&other);
        let request = if body.is_null() { request } else { request.json(body) };
        let _ = request.send().await.expect(404);
    }
    let body = json!({ "content": "x", "parent_id": first });
    let request = room.app.request("POST", &format!("/api/chatroom/{room_of_other}/message")).by(&other);
    let _ = request.json(body).send().await.expect(409);
}
