//! Feedback to answers.

use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{RequestBuilder, TestApp, TestUser};

use super::{answer, start};

/// A chatroom of a new user with a question and its answer.
struct Answered {
    app: TestApp,
    user: TestUser,
    chatroom: String,
    question: String,
    answer: String,
}

impl Answered {
    async fn start() -> Self {
        let app = start().await;
        let user = app.user().await;
        let chatroom = app.create_chatroom(&user).await;
        let question = app.send_message(&user, &chatroom, "question").await;
        let answer = answer(&app, &question).await;
        Self { app, user, chatroom, question, answer }
    }

    fn give(&self, id: &str, body: Value) -> RequestBuilder<'_> {
        self.app.request("POST", &format!("/api/chatroom/message/{id}/feedback")).by(&self.user).json(body)
    }

    /// The field `feedback` of the question and of the answer.
    async fn shown(&self) -> [Value; 2] {
        let path = format!("/api/chatroom/{}", self.chatroom);
        let room = self.app.request("GET", &path).by(&self.user).send().await.expect(200).body;
        [0, 1].map(|place| room["messages"][place]["feedback"].clone())
    }

    /// The answers of the day, and how many were rated up and down.
    async fn counts(&self) -> [i64; 3] {
        let sql = |column| format!("SELECT sum({column})::bigint FROM daily_ratings WHERE model = 'a-model'");
        let [answers, up, down] = ["answers", "up", "down"].map(sql);
        [
            self.app.query_value(&answers).await,
            self.app.query_value(&up).await,
            self.app.query_value(&down).await,
        ]
    }

    async fn rows(&self) -> i64 {
        self.app.query_value("SELECT count(*) FROM feedback").await
    }
}

#[tokio::test]
async fn latest_feedback_replaces_earlier_and_null_withdraws_it() {
    let room = Answered::start().await;
    for (body, feedback, counts) in [
        (json!({ "rating": "up" }), json!(["up", null]), [1, 1, 0]),
        (json!({ "rating": "down", "comment": " Wrong \n" }), json!(["down", "Wrong"]), [1, 0, 1]),
        (json!({ "rating": "down", "comment": "\u{200b}" }), json!(["down", null]), [1, 0, 1]),
        (json!({ "rating": null }), json!([null, null]), [1, 0, 0]),
        (json!({ "rating": null, "comment": "" }), json!([null, null]), [1, 0, 0]),
    ] {
        let given = room.give(&room.answer, body).send().await.expect(200).body["feedback"].clone();
        let [question, answer] = room.shown().await;
        for shown in [&given, &answer] {
            assert_eq!(json!([shown["rating"], shown["comment"]]), feedback);
        }
        assert_eq!((question, given["updated_at"].is_string()), (Value::Null, feedback[0].is_string()));
        assert_eq!((room.counts().await, room.rows().await), (counts, i64::from(feedback[0].is_string())));
    }
}

#[tokio::test]
async fn question_has_no_feedback() {
    let room = Answered::start().await;
    for rating in [json!("up"), Value::Null] {
        let response = room.give(&room.question, json!({ "rating": rating })).send().await;
        response.expect_problem(409, "wrong_state");
    }
    assert_eq!(room.rows().await, 0);
}

#[tokio::test]
async fn invalid_feedback_is_refused_and_changes_nothing() {
    let room = Answered::start().await;
    let _ = room
        .give(&room.answer, json!({ "rating": "up", "comment": "x".repeat(1000) }))
        .send()
        .await
        .expect(200);
    for (body, field) in [
        (json!({}), "rating"),
        (json!({ "comment": "Why?" }), "rating"),
        (json!({ "rating": "sideways" }), "rating"),
        (json!({ "rating": 1 }), "rating"),
        (json!({ "rating": null, "comment": "Why?" }), "comment"),
        (json!({ "rating": "down", "comment": "x".repeat(1001) }), "comment"),
        (json!({ "rating": "down", "comment": "a\0b" }), "comment"),
    ] {
        room.give(&room.answer, body).send().await.expect_invalid(&[field]);
    }
    assert_eq!(room.shown().await[1]["comment"], "x".repeat(1000));
}

#[tokio::test]
async fn others_can_neither_rate_nor_withdraw() {
    let room = Answered::start().await;
    let _ = room.give(&room.answer, json!({ "rating": "up" })).send().await.expect(200);
    let other = room.app.user().await;
    for rating in [json!("down"), Value::Null] {
        for id in [&room.answer, &room.question, "018f0000-0000-7000-8000-00000000ffff"] {
            let request = room.give(id, json!({ "rating": rating })).by(&other);
            request.send().await.expect_problem(404, "not_found");
        }
    }
    assert_eq!((room.shown().await[1]["rating"].clone(), room.counts().await), (json!("up"), [1, 1, 0]));
}

#[tokio::test]
async fn feedback_is_deleted_with_its_answer_and_remains_counted() {
    for path in ["message/{answer}", "message/{question}", "{chatroom}"] {
        let room = Answered::start().await;
        let _ = room
            .give(&room.answer, json!({ "rating": "down", "comment": "private" }))
            .send()
            .await
            .expect(200);
        let path = path.replace("{answer}", &room.answer).replace("{question}", &room.question);
        let path = format!("/api/chatroom/{}", path.replace("{chatroom}", &room.chatroom));
        let _ = room.app.request("DELETE", &path).by(&room.user).send().await.expect(200);
        assert_eq!((room.rows().await, room.counts().await), (0, [1, 0, 1]), "{path}");
        let late = room.give(&room.answer, json!({ "rating": "up" })).send().await;
        late.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn concurrent_ratings_are_counted_once() {
    let room = Answered::start().await;
    let ratings = ["up", "down"].into_iter().cycle().take(20);
    let requests = ratings.map(|rating| room.give(&room.answer, json!({ "rating": rating })).send());
    for response in join_all(requests).await {
        let _ = response.expect(200);
    }
    let counts = room.counts().await;
    assert_eq!((counts[0], counts[1] + counts[2], room.rows().await), (1, 1, 1), "{counts:?}");
}

#[tokio::test]
async fn feedback_and_concurrent_deletion_leave_no_feedback() {
    let room = Answered::start().await;
    let path = format!("/api/chatroom/message/{}", room.question);
    let delete = room.app.request("DELETE", &path).by(&room.user).send();
    let requests = (0..6).map(|_| room.give(&room.answer, json!({ "rating": "up" })).send());
    let (deleted, given) = tokio::join!(delete, join_all(requests));
    let _ = deleted.expect(200);
    assert!(given.iter().all(|response| [200, 404].contains(&response.status.as_u16())));
    assert_eq!(room.rows().await, 0);
}
