//! Order within a chatroom, leases, batches.

use std::time::Duration;

use domain::MessageId;
use domain::message::FinishReason;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::json;
use store::generations::claiming::{self, Claim};
use store::generations::processing::{self, Lease, NewReply, Tokens};
use testkit::event;
use uuid::Uuid;

use super::{deliver, deliver_with_time_left, overloaded, sent, start, status};

#[tokio::test]
async fn parallel_deliveries_call_the_model_once() {
    let app = start().await;
    let (user, _, id) = sent(&app, "hello").await;
    let ids = [id.as_str()];
    let deliveries = (0..10).map(|_| deliver(&app, &ids));
    futures::future::join_all(deliveries).await;
    assert_eq!(app.model.prompts().len(), 1);
    assert_eq!(status(&app, &user, &id).await["processing_status"], "completed");
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM messages WHERE message_type = 'ai'").await, 1);
}

#[tokio::test]
async fn redelivered_message_redelivers_the_rest_of_its_chatroom() {
    let app = start().await;
    let (user, chatroom, first) = sent(&app, "one").await;
    let second = app.send_message(&user, &chatroom, "two").await;
    let third = app.send_message(&user, &chatroom, "three").await;
    app.model.fail_with(overloaded());
    let returned = deliver(&app, &[&first, &second, &third]).await;
    assert_eq!(returned, [first.clone(), second.clone(), third.clone()]);
    assert_eq!(app.model.prompts().len(), 1);
    assert_eq!(app.queue.delays().len(), 3);

    app.advance(Duration::from_secs(10));
    assert!(deliver(&app, &[&first, &second, &third]).await.is_empty());
    let replies: String = app
        .query_value(
            "SELECT string_agg(content, '|' ORDER BY position) FROM messages WHERE message_type = 'ai'",
        )
        .await;
    assert_eq!(replies, "Echo: one|Echo: two|Echo: three");
}

#[tokio::test]
async fn attempt_that_could_not_end_in_time_is_not_started() {
    let app = start().await;
    let (user, _, id) = sent(&app, "hello").await;
    assert_eq!(deliver_with_time_left(&app, &[&id], Duration::from_secs(39)).await, [id.as_str()]);
    assert!(app.model.prompts().is_empty());
    assert_eq!(status(&app, &user, &id).await["attempts"], 0);
    assert_eq!(app.queue.delays()[0].1, Duration::ZERO);
}

#[tokio::test]
async fn message_of_a_dead_worker_is_claimed_after_its_lease() {
    let app = start().await;
    let (user, _, id) = sent(&app, "hello").await;
    let until = (app.app.clock.now() + Duration::from_secs(40)).to_rfc3339();
    app.execute(&format!(
        "UPDATE messages SET processing_status = 'processing', attempts = 1, lease_owner = gen_random_uuid(),
         lease_until = '{until}'"
    ))
    .await;
    assert_eq!(deliver(&app, &[&id]).await, [id.as_str()]);
    assert!(app.model.prompts().is_empty());
    app.advance(Duration::from_secs(41));
    assert!(deliver(&app, &[&id]).await.is_empty());
    let message = status(&app, &user, &id).await;
    assert_eq!((&message["processing_status"], &message["attempts"]), (&json!("completed"), &json!(2)));
}

#[tokio::test]
async fn message_that_crashes_every_worker_fails() {
    let app = start().await;
    let (user, _, id) = sent(&app, "hello").await;
    app.execute("UPDATE messages SET processing_status = 'processing', attempts = 3").await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert!(app.model.prompts().is_empty());
    let message = status(&app, &user, &id).await;
    assert_eq!(
        (&message["processing_status"], &message["error_code"]),
        (&json!("failed"), &json!("internal"))
    );
}

#[tokio::test]
async fn only_the_unreadable_job_is_redelivered() {
    let app = start().await;
    let (user, _, id) = sent(&app, "hello").await;
    let mut event = event("worker-answer-message");
    let mut good = event["Records"][0].clone();
    good["messageId"] = json!("good");
    good["attributes"]["MessageGroupId"] = json!("another chatroom");
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
    assert_eq!(status(&app, &user, &id).await["processing_status"], "completed");
}

#[tokio::test]
async fn message_whose_delivery_was_lost_is_answered_before_later_messages() {
    let app = start().await;
    let (user, chatroom, lost) = sent(&app, "one").await;
    let delivered = app.send_message(&user, &chatroom, "two").await;
    assert!(deliver(&app, &[&delivered]).await.is_empty());
    assert_eq!(status(&app, &user, &lost).await["processing_status"], "completed");
    let replies: String = app
        .query_value(
            "SELECT string_agg(content, '|' ORDER BY position) FROM messages WHERE message_type = 'ai'",
        )
        .await;
    assert_eq!(replies, "Echo: one|Echo: two");
    assert!(deliver(&app, &[&lost]).await.is_empty());
    assert_eq!(app.model.prompts().len(), 2);
}

#[tokio::test]
async fn chatroom_waits_for_its_oldest_message() {
    let app = start().await;
    let (user, chatroom, first) = sent(&app, "one").await;
    let second = app.send_message(&user, &chatroom, "two").await;
    app.model.fail_with(overloaded());
    assert_eq!(deliver(&app, &[&first]).await, [first.as_str()]);
    assert_eq!(deliver(&app, &[&second]).await, [second.as_str()]);
    assert_eq!(app.model.prompts().len(), 1);
    app.advance(Duration::from_secs(10));
    assert!(deliver(&app, &[&second]).await.is_empty());
    for id in [&first, &second] {
        assert_eq!(status(&app, &user, id).await["processing_status"], "completed");
    }
}

#[tokio::test]
async fn answer_after_a_cancellation_is_dropped() {
    let app = start().await;
    let (user, _, id) = sent(&app, "hello").await;
    let (db, now, owner) = (app.app.db().await.unwrap(), app.app.clock.now(), Uuid::new_v4());
    let generation_id = id.parse().unwrap();
    let until = now + Duration::from_secs(45);
    let claim = claiming::claim_next(&db, generation_id, owner, now, until).await.unwrap();
    assert!(matches!(claim, Claim::Claimed(work) if work.generation_id == generation_id));

    // The worker is silent for longer than its lease.
    app.advance(Duration::from_secs(46));
    let path = format!("/api/chatroom/message/{id}/cancel");
    let _ = app.request("POST", &path).by(&user).send().await.expect(200);

    let reply = NewReply {
        id: MessageId::new(now),
        content: "too late",
        model: "a model",
        finish_reason: FinishReason::Stop,
        tokens: Tokens { prompt: 1, response: 1, ..Tokens::default() },
        day: now.date_naive(),
        created_at: now,
        first_words: None,
    };
    let stored = processing::complete(&db, Lease { generation_id, owner }, reply).await.unwrap();
    assert_eq!(stored, None);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM messages").await, 1);
    assert_eq!(app.query_value::<i64>("SELECT prompt_tokens FROM users").await, 0);
    assert_eq!(status(&app, &user, &id).await["processing_status"], "cancelled");
}

#[tokio::test]
async fn failing_database_delays_the_redelivery() {
    let app = start().await;
    let (user, _, id) = sent(&app, "hello").await;
    app.execute("ALTER TABLE messages RENAME TO gone").await;
    // The event reports this as the first delivery.
    assert_eq!(deliver(&app, &[&id]).await, [id.as_str()]);
    assert_eq!(app.queue.delays()[0].1, Duration::from_secs(2));
    app.execute("ALTER TABLE gone RENAME TO messages").await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    let message = status(&app, &user, &id).await;
    assert_eq!((&message["processing_status"], &message["attempts"]), (&json!("completed"), &json!(1)));
}

#[tokio::test]
async fn answer_that_cannot_be_stored_is_generated_again_after_its_lease() {
    let app = start().await;
    let (user, _, id) = sent(&app, "hello").await;
    // The claim succeeds and the completion fails.
    app.execute("ALTER TABLE messages RENAME COLUMN model TO gone").await;
    assert_eq!(deliver(&app, &[&id]).await, [id.as_str()]);
    assert_eq!(app.model.prompts().len(), 1);
    app.execute("ALTER TABLE messages RENAME COLUMN gone TO model").await;
    app.advance(Duration::from_mins(1));
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(status(&app, &user, &id).await["attempts"], 2);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM messages WHERE message_type = 'ai'").await, 1);
}

#[tokio::test]
async fn deadline_in_the_past_is_ignored() {
    let app = start().await;
    let (user, _, id) = sent(&app, "hello").await;
    let mut event = event("worker-answer-message");
    event["Records"][0]["body"] =
        json!(json!({ "version": 1, "type": "answer_message", "message_id": id }).to_string());
    let mut context = Context::default();
    context.deadline = 600_000;
    let _ = crate::handle(&app.app, LambdaEvent::new(serde_json::from_value(event).unwrap(), context)).await;
    assert_eq!(status(&app, &user, &id).await["processing_status"], "completed");
}

/// Lambda deletes the last one, and all of them if the requests fail.
#[tokio::test]
async fn finished_deliveries_are_deleted_while_their_batch_goes_on() {
    for is_failing in [false, true] {
        let app = start().await;
        let (user, chatroom, first) = sent(&app, "one").await;
        let second = app.send_message(&user, &chatroom, "two").await;
        if is_failing {
            app.queue.fail_requests();
        }
        assert!(deliver(&app, &[&first, &second]).await.is_empty());
        let deleted = if is_failing { Vec::new() } else { vec![format!("receipt of {first}")] };
        assert_eq!(app.queue.deleted(), deleted);
        assert_eq!(status(&app, &user, &second).await["processing_status"], "completed");
    }
}
