//! The worker stopped and started: no message is lost or answered twice, and the order is kept.

use std::time::Duration;

use chrono::{DateTime, Utc};
use harness::{SentMessage, TestUser, unique, wait_until};
use serde_json::{Value, json};

use super::stack::{Stack, assert_fields, stack};

struct Chat {
    user: TestUser,
    sent: Vec<SentMessage>,
}

impl Chat {
    async fn start(stack: &Stack, user: &TestUser, messages: usize) -> Self {
        let chatroom = user.create_chatroom(stack).await.unwrap();
        let sent = user.send_messages(stack, &chatroom, messages).await.unwrap();
        Self { user: user.clone(), sent }
    }

    async fn assert_pending(&self, stack: &Stack) {
        for message in &self.sent {
            let status = status(stack, &self.user, message).await;
            assert_fields(&status, &json!({ "processing_status": "pending", "attempts": 0 }));
        }
    }

    async fn assert_answered_in_order(&self, stack: &Stack) {
        let mut before = DateTime::<Utc>::MIN_UTC;
        for message in &self.sent {
            let outcome = stack.outcome(&self.user, message.id).await;
            assert_eq!(outcome["processing_status"], "completed", "{outcome}");
            assert!(outcome["reply"]["content"].as_str().unwrap().contains(&message.text), "{outcome}");
            let answered: DateTime<Utc> = outcome["reply"]["created_at"].as_str().unwrap().parse().unwrap();
            assert!(answered > before, "answered before its predecessor: {outcome}");
            before = answered;
        }
    }
}

async fn status(stack: &Stack, user: &TestUser, message: &SentMessage) -> Value {
    stack.get(user, &format!("/api/chatroom/message/{}/status", message.id)).await["message"].take()
}

#[tokio::test]
async fn messages_wait_for_the_worker_and_are_answered_in_order() {
    let stack = stack();
    let worker = stack.worker().await;
    worker.stop();
    let mut chats = Vec::new();
    for _ in 0..3 {
        let user = stack.sign_up().await;
        chats.push(Chat::start(stack, &user, 3).await);
        chats.push(Chat::start(stack, &user, 2).await);
    }
    for chat in &chats {
        chat.assert_pending(stack).await;
    }

    worker.start();

    for chat in &chats {
        chat.assert_answered_in_order(stack).await;
        for message in &chat.sent {
            assert_eq!(stack.calls(&message.text).await, 1, "Gemini is called once per message");
        }
    }
}

#[tokio::test]
async fn a_stopped_worker_finishes_its_message_and_starts_no_other() {
    let stack = stack();
    let worker = stack.worker().await;
    let user = stack.sign_up().await;
    let chatrooms = user.create_chatrooms(stack, 2).await.unwrap();
    let slow = unique("take your time");
    stack.script(&slow, json!([{"kind": "answer", "text": "done", "delay_ms": 2000}])).await;
    let begun = user.send_text(stack, &chatrooms[0], &slow).await.unwrap();
    let is_begun = async || Ok(status(stack, &user, &begun).await["processing_status"] != "pending");
    wait_until("the worker has the message", Duration::from_secs(30), is_begun).await.unwrap();

    worker.stop();

    let finished = status(stack, &user, &begun).await;
    assert_eq!(finished["processing_status"], "completed", "{finished}");
    let late = user.send_message(stack, &chatrooms[1]).await.unwrap();
    assert_eq!(status(stack, &user, &late).await["processing_status"], "pending");
    worker.start();
    assert_eq!(stack.outcome(&user, late.id).await["processing_status"], "completed");
    assert_eq!(stack.calls(&slow).await, 1, "the message that was in progress is not repeated");
}
