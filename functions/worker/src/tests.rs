//! Answering, in this process: real Postgres and Redis, a queue and a model that do what the test says.

use std::time::Duration;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use clients::gemini::GenerateError;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use testkit::{Person, TestApp, event};

/// Rooms and messages come in by the routes that clients use.
async fn start() -> TestApp {
    TestApp::serving(chatroom::routes()).start().await
}

/// Delivers messages of one room in one batch, with `time_left` on the function's clock.
async fn deliver_within(app: &TestApp, ids: &[&str], time_left: Duration) -> Vec<String> {
    let record = event("worker-answer-message")["Records"][0].clone();
    let records: Vec<Value> = ids
        .iter()
        .map(|id| {
            let mut record = record.clone();
            record["messageId"] = json!(id);
            record["receiptHandle"] = json!(format!("receipt of {id}"));
            record["body"] =
                json!(json!({ "version": 1, "type": "answer_message", "message_id": id }).to_string());
            record
        })
        .collect();
    let payload = serde_json::from_value(json!({ "Records": records })).unwrap();
    let mut context = Context::default();
    let deadline = app.app.clock.now() + time_left;
    context.deadline = u64::try_from(deadline.timestamp_millis()).unwrap();
    let response: SqsBatchResponse = crate::handle(&app.app, LambdaEvent::new(payload, context)).await;
    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

async fn deliver(app: &TestApp, ids: &[&str]) -> Vec<String> {
    deliver_within(app, ids, Duration::from_mins(5)).await
}

async fn status(app: &TestApp, person: &Person, id: &str) -> Value {
    let path = format!("/api/chatroom/message/{id}/status");
    app.request("GET", &path).by(person).send().await.expect(200).body["message"].clone()
}

async fn sent(app: &TestApp, content: &str) -> (Person, String, String) {
    let person = app.person().await;
    let room = app.room(&person).await;
    let id = app.message(&person, &room, content).await;
    (person, room, id)
}

fn overloaded() -> GenerateError {
    GenerateError::Overloaded { status: 503, retry_delay: None }
}

#[tokio::test]
async fn a_message_is_answered_once_however_often_it_is_delivered() {
    let app = start().await;
    let (person, room, id) = sent(&app, "hello").await;
    for _ in 0..3 {
        assert!(deliver(&app, &[&id]).await.is_empty());
    }
    let message = status(&app, &person, &id).await;
    assert_eq!((&message["processing_status"], &message["attempts"]), (&json!("completed"), &json!(1)));
    assert_eq!(message["reply"]["content"], "Echo: hello");
    assert_eq!(app.model.asked().len(), 1);
    let page = app.request("GET", &format!("/api/chatroom/{room}")).by(&person).send().await.expect(200).body;
    assert_eq!(page["messages"][1]["message_type"], "ai");
    assert_eq!(page["chatroom"]["message_count"], 2);
    let usage: i64 = app.stored("SELECT prompt_tokens * 100 + response_tokens FROM daily_usage").await;
    assert_eq!(usage, 703);
    assert_eq!(app.stored::<i64>("SELECT ai_response_count * 1000 + prompt_tokens FROM users").await, 1_007);
}

#[tokio::test]
async fn parallel_deliveries_ask_once() {
    let app = start().await;
    let (person, _, id) = sent(&app, "hello").await;
    let ids = [id.as_str()];
    let deliveries = (0..10).map(|_| deliver(&app, &ids));
    futures::future::join_all(deliveries).await;
    assert_eq!(app.model.asked().len(), 1);
    assert_eq!(status(&app, &person, &id).await["processing_status"], "completed");
    assert_eq!(app.stored::<i64>("SELECT count(*) FROM messages WHERE message_type = 'ai'").await, 1);
}

#[tokio::test]
async fn passing_failures_back_off_and_the_third_attempt_answers() {
    let app = start().await;
    let (person, _, id) = sent(&app, "hello").await;
    app.model.fail_with(overloaded());
    app.model.fail_with(overloaded());
    for attempt in 1..=2_u32 {
        assert_eq!(deliver(&app, &[&id]).await, [id.clone()]);
        let message = status(&app, &person, &id).await;
        assert_eq!(
            (&message["processing_status"], &message["attempts"]),
            (&json!("pending"), &json!(attempt))
        );
        let (receipt, delay) = app.queue.delays().last().unwrap().clone();
        assert_eq!(receipt, format!("receipt of {id}"));
        let base = Duration::from_secs(2) * 2_u32.pow(attempt - 1);
        assert!((base..=base.mul_f64(1.25)).contains(&delay), "{delay:?}");

        // Early: it is not due, and nobody is asked.
        assert_eq!(deliver(&app, &[&id]).await, [id.clone()]);
        assert_eq!(app.model.asked().len(), attempt as usize);
        app.advance(delay);
    }
    assert!(deliver(&app, &[&id]).await.is_empty());
    let message = status(&app, &person, &id).await;
    assert_eq!((&message["processing_status"], &message["attempts"]), (&json!("completed"), &json!(3)));
}

#[tokio::test]
async fn after_three_attempts_a_message_fails_and_its_unit_is_given_back() {
    let app = start().await;
    let (person, _, id) = sent(&app, "hello").await;
    for _ in 0..3 {
        app.model.fail_with(overloaded());
        let _ = deliver(&app, &[&id]).await;
        app.advance(Duration::from_secs(10));
    }
    let message = status(&app, &person, &id).await;
    assert_eq!(
        (&message["processing_status"], &message["error_code"]),
        (&json!("failed"), &json!("gemini_overloaded"))
    );
    assert_eq!(app.stored::<i32>("SELECT messages FROM daily_usage").await, 0);
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(app.model.asked().len(), 3);
    assert_eq!(app.stored::<i32>("SELECT messages FROM daily_usage").await, 0);
}

#[tokio::test]
async fn a_final_failure_fails_at_once() {
    let app = start().await;
    let (person, _, id) = sent(&app, "hello").await;
    app.model.fail_with(GenerateError::BlockedPrompt { reason: "SAFETY".to_owned() });
    assert!(deliver(&app, &[&id]).await.is_empty());
    let message = status(&app, &person, &id).await;
    assert_eq!((&message["error_code"], &message["attempts"]), (&json!("blocked_by_safety"), &json!(1)));
}

#[tokio::test]
async fn a_wait_that_gemini_asks_for_is_kept() {
    let app = start().await;
    let (_, _, id) = sent(&app, "hello").await;
    let retry_delay = Some(Duration::from_secs(22));
    app.model.fail_with(GenerateError::MinuteQuota { quota: "PerMinute".to_owned(), retry_delay });
    let _ = deliver(&app, &[&id]).await;
    assert!(app.queue.delays()[0].1 >= Duration::from_secs(22));
}

#[tokio::test]
async fn the_first_of_a_room_that_comes_back_takes_the_rest_along() {
    let app = start().await;
    let (person, room, first) = sent(&app, "one").await;
    let second = app.message(&person, &room, "two").await;
    let third = app.message(&person, &room, "three").await;
    app.model.fail_with(overloaded());
    let returned = deliver(&app, &[&first, &second, &third]).await;
    assert_eq!(returned, [first.clone(), second.clone(), third.clone()]);
    assert_eq!(app.model.asked().len(), 1);
    assert_eq!(app.queue.delays().len(), 3);

    app.advance(Duration::from_secs(10));
    assert!(deliver(&app, &[&first, &second, &third]).await.is_empty());
    let replies: String = app
        .stored("SELECT string_agg(content, '|' ORDER BY position) FROM messages WHERE message_type = 'ai'")
        .await;
    assert_eq!(replies, "Echo: one|Echo: two|Echo: three");
}

#[tokio::test]
async fn work_that_could_not_end_in_time_is_not_begun() {
    let app = start().await;
    let (person, _, id) = sent(&app, "hello").await;
    assert_eq!(deliver_within(&app, &[&id], Duration::from_secs(34)).await, [id.clone()]);
    assert!(app.model.asked().is_empty());
    assert_eq!(status(&app, &person, &id).await["attempts"], 0);
    assert_eq!(app.queue.delays()[0].1, Duration::ZERO);
}

#[tokio::test]
async fn a_message_whose_worker_died_is_taken_over_after_its_lease() {
    let app = start().await;
    let (person, _, id) = sent(&app, "hello").await;
    let until = (app.app.clock.now() + Duration::from_secs(40)).to_rfc3339();
    app.execute(&format!(
        "UPDATE messages SET processing_status = 'processing', attempts = 1, lease_owner = gen_random_uuid(),
         lease_until = '{until}'"
    ))
    .await;
    assert_eq!(deliver(&app, &[&id]).await, [id.clone()]);
    assert!(app.model.asked().is_empty());
    app.advance(Duration::from_secs(41));
    assert!(deliver(&app, &[&id]).await.is_empty());
    let message = status(&app, &person, &id).await;
    assert_eq!((&message["processing_status"], &message["attempts"]), (&json!("completed"), &json!(2)));
}

#[tokio::test]
async fn a_message_that_kills_every_worker_is_given_up() {
    let app = start().await;
    let (person, _, id) = sent(&app, "hello").await;
    app.execute("UPDATE messages SET processing_status = 'processing', attempts = 3").await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert!(app.model.asked().is_empty());
    let message = status(&app, &person, &id).await;
    assert_eq!(
        (&message["processing_status"], &message["error_code"]),
        (&json!("failed"), &json!("internal"))
    );
}

#[tokio::test]
async fn the_model_is_told_the_history_the_instruction_and_the_plan() {
    let app = start().await;
    let person = app.person().await;
    app.set_tier(&person, domain::Tier::Pro).await;
    let body = json!({ "name": "A room", "system_prompt": "Be brief." });
    let room = app
        .request("POST", "/api/chatroom")
        .by(&person)
        .json(body)
        .send()
        .await
        .expect(201)
        .text("/chatroom/id");
    let first = app.message(&person, &room, "one").await;
    let second = app.message(&person, &room, "two").await;
    app.model.fail_with(GenerateError::BlockedPrompt { reason: "SAFETY".to_owned() });
    let _ = deliver(&app, &[&first, &second]).await;
    let third = app.message(&person, &room, "three").await;
    let _ = deliver(&app, &[&third]).await;

    let prompt = app.model.asked().pop().unwrap();
    // The first was given up, so it is no part of the conversation.
    let turns: Vec<(&str, &str)> =
        prompt.turns.iter().map(|turn| (turn.role.as_str(), turn.text.as_str())).collect();
    assert_eq!(turns, [("user", "two"), ("model", "Echo: two"), ("user", "three")]);
    assert_eq!(prompt.system_instruction.as_deref(), Some("Be brief."));
    assert_eq!(prompt.model, app.app.config.gemini.model_pro);
}

#[tokio::test]
async fn a_deleted_room_leaves_nothing_to_do() {
    let app = start().await;
    let (person, room, id) = sent(&app, "hello").await;
    let _ = app.request("DELETE", &format!("/api/chatroom/{room}")).by(&person).send().await.expect(200);
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert!(app.model.asked().is_empty());
}

#[tokio::test]
async fn a_job_that_cannot_be_read_comes_back_alone() {
    let app = start().await;
    let (person, _, id) = sent(&app, "hello").await;
    let mut event = event("worker-answer-message");
    let mut good = event["Records"][0].clone();
    good["messageId"] = json!("good");
    good["attributes"]["MessageGroupId"] = json!("another room");
    good["body"] = json!(json!({ "version": 1, "type": "answer_message", "message_id": id }).to_string());
    event["Records"][0]["messageId"] = json!("bad");
    event["Records"][0]["body"] = json!("{\"version\":9}");
    event["Records"] = json!([event["Records"][0], good]);
    let mut context = Context::default();
    context.deadline = u64::MAX;
    let payload = serde_json::from_value(event).unwrap();
    let response = crate::handle(&app.app, LambdaEvent::new(payload, context)).await;
    let returned: Vec<&str> =
        response.batch_item_failures.iter().map(|f| f.item_identifier.as_str()).collect();
    assert_eq!(returned, ["bad"]);
    assert_eq!(status(&app, &person, &id).await["processing_status"], "completed");
}

#[tokio::test]
async fn the_cached_list_is_dropped_when_an_answer_comes() {
    let app = start().await;
    let (person, _, id) = sent(&app, "hello").await;
    for _ in 0..2 {
        let _ = app.request("GET", "/api/chatroom").by(&person).send().await.expect(200);
    }
    let _ = deliver(&app, &[&id]).await;
    let list = app.request("GET", "/api/chatroom").by(&person).send().await.expect(200).body;
    assert_eq!((&list["cached"], &list["chatrooms"][0]["message_count"]), (&json!(false), &json!(2)));
}

#[tokio::test]
async fn a_message_whose_delivery_was_lost_is_answered_before_what_came_after_it() {
    let app = start().await;
    let (person, room, lost) = sent(&app, "one").await;
    let delivered = app.message(&person, &room, "two").await;
    assert!(deliver(&app, &[&delivered]).await.is_empty());
    assert_eq!(status(&app, &person, &lost).await["processing_status"], "completed");
    let replies: String = app
        .stored("SELECT string_agg(content, '|' ORDER BY position) FROM messages WHERE message_type = 'ai'")
        .await;
    assert_eq!(replies, "Echo: one|Echo: two");
    assert!(deliver(&app, &[&lost]).await.is_empty());
    assert_eq!(app.model.asked().len(), 2);
}

#[tokio::test]
async fn a_room_waits_for_its_oldest_message() {
    let app = start().await;
    let (person, room, first) = sent(&app, "one").await;
    let second = app.message(&person, &room, "two").await;
    app.model.fail_with(overloaded());
    assert_eq!(deliver(&app, &[&first]).await, [first.clone()]);
    assert_eq!(deliver(&app, &[&second]).await, [second.clone()]);
    assert_eq!(app.model.asked().len(), 1);
    app.advance(Duration::from_secs(10));
    assert!(deliver(&app, &[&second]).await.is_empty());
    for id in [&first, &second] {
        assert_eq!(status(&app, &person, id).await["processing_status"], "completed");
    }
}
