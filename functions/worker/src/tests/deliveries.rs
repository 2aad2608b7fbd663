//! Order within a room, leases, batches.

use std::time::Duration;

use domain::MessageId;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::json;
use store::messages::processing::{self, Claim, Lease, NewReply};
use testkit::event;
use uuid::Uuid;

use super::{deliver, deliver_within, overloaded, sent, start, status};

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
    assert_eq!(deliver_within(&app, &[&id], Duration::from_secs(39)).await, [id.as_str()]);
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
    assert_eq!(deliver(&app, &[&id]).await, [id.as_str()]);
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
    assert_eq!(deliver(&app, &[&first]).await, [first.as_str()]);
    assert_eq!(deliver(&app, &[&second]).await, [second.as_str()]);
    assert_eq!(app.model.asked().len(), 1);
    app.advance(Duration::from_secs(10));
    assert!(deliver(&app, &[&second]).await.is_empty());
    for id in [&first, &second] {
        assert_eq!(status(&app, &person, id).await["processing_status"], "completed");
    }
}

#[tokio::test]
async fn an_answer_that_comes_after_a_cancellation_is_thrown_away() {
    let app = start().await;
    let (person, _, id) = sent(&app, "hello").await;
    let (db, now, owner) = (app.app.db().await.unwrap(), app.app.clock.now(), Uuid::new_v4());
    let message_id = id.parse().unwrap();
    let until = now + Duration::from_secs(45);
    let claim = processing::claim_next_message(&db, message_id, owner, now, until, 50).await.unwrap();
    assert!(matches!(claim, Claim::Claimed(work) if work.message_id == message_id));

    let path = format!("/api/chatroom/message/{id}/cancel");
    let _ = app.request("POST", &path).by(&person).send().await.expect(200);

    let reply = NewReply {
        id: MessageId::new(now),
        content: "too late",
        model: "a model",
        prompt_tokens: 1,
        response_tokens: 1,
        day: now.date_naive(),
        created_at: now,
    };
    assert!(!processing::complete_message(&db, Lease { message_id, owner }, reply).await.unwrap());
    assert_eq!(app.stored::<i64>("SELECT count(*) FROM messages").await, 1);
    assert_eq!(app.stored::<i64>("SELECT prompt_tokens FROM users").await, 0);
    assert_eq!(status(&app, &person, &id).await["processing_status"], "cancelled");
}

#[tokio::test]
async fn a_database_that_fails_has_the_delivery_come_back_ever_later() {
    let app = start().await;
    let (person, _, id) = sent(&app, "hello").await;
    app.execute("ALTER TABLE messages RENAME TO gone").await;
    // The event says that it is delivered for the first time.
    assert_eq!(deliver(&app, &[&id]).await, [id.as_str()]);
    assert_eq!(app.queue.delays()[0].1, Duration::from_secs(2));
    app.execute("ALTER TABLE gone RENAME TO messages").await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    let message = status(&app, &person, &id).await;
    assert_eq!((&message["processing_status"], &message["attempts"]), (&json!("completed"), &json!(1)));
}

#[tokio::test]
async fn an_answer_that_cannot_be_stored_is_asked_for_again_after_its_lease() {
    let app = start().await;
    let (person, _, id) = sent(&app, "hello").await;
    // Completing fails, claiming does not.
    app.execute("ALTER TABLE messages RENAME COLUMN model TO gone").await;
    assert_eq!(deliver(&app, &[&id]).await, [id.as_str()]);
    assert_eq!(app.model.asked().len(), 1);
    app.execute("ALTER TABLE messages RENAME COLUMN gone TO model").await;
    app.advance(Duration::from_mins(1));
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(status(&app, &person, &id).await["attempts"], 2);
    assert_eq!(app.stored::<i64>("SELECT count(*) FROM messages WHERE message_type = 'ai'").await, 1);
}

#[tokio::test]
async fn a_deadline_that_is_over_at_the_start_is_none() {
    let app = start().await;
    let (person, _, id) = sent(&app, "hello").await;
    let mut event = event("worker-answer-message");
    event["Records"][0]["body"] =
        json!(json!({ "version": 1, "type": "answer_message", "message_id": id }).to_string());
    let mut context = Context::default();
    context.deadline = 600_000;
    let _ = crate::handle(&app.app, LambdaEvent::new(serde_json::from_value(event).unwrap(), context)).await;
    assert_eq!(status(&app, &person, &id).await["processing_status"], "completed");
}
