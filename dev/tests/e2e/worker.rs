//! The worker stopped and started: nothing is lost, nothing is answered twice, and the order holds.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::person::{Person, unique};
use super::stack::stack;

/// A room with the messages sent to it, in that order: their ids and texts.
struct Conversation {
    person: Person,
    sent: Vec<(String, String)>,
}

impl Conversation {
    async fn begin(person: &Person, messages: usize) -> Self {
        let room = person.create_room("waiting").await;
        let mut sent = Vec::new();
        for number in 1..=messages {
            let text = unique(&format!("question {number}"));
            sent.push((person.send(&room, &text).await, text));
        }
        Self { person: person.clone(), sent }
    }

    async fn assert_pending(&self) {
        for (message, _) in &self.sent {
            let status = self.person.status(message).await;
            assert_eq!(
                (&status["processing_status"], &status["attempts"]),
                (&json!("pending"), &json!(0)),
                "{status}"
            );
        }
    }

    async fn assert_answered_in_order(&self) {
        let mut before = DateTime::<Utc>::MIN_UTC;
        for (message, text) in &self.sent {
            let outcome = self.person.outcome(message).await;
            assert_eq!(outcome["processing_status"], "completed", "{outcome}");
            assert!(outcome["reply"]["content"].as_str().unwrap().contains(text.as_str()), "{outcome}");
            let answered = time(&outcome["reply"]["created_at"]);
            assert!(answered > before, "answered before its predecessor: {outcome}");
            before = answered;
        }
    }
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn messages_wait_for_the_worker_and_are_answered_in_order() {
    let stack = stack();
    let worker = stack.worker().await;
    worker.stop();
    let mut conversations = Vec::new();
    for _ in 0..3 {
        let person = Person::sign_up(stack).await;
        conversations.push(Conversation::begin(&person, 3).await);
        conversations.push(Conversation::begin(&person, 2).await);
    }
    // Long enough for a worker that runs after all.
    sleep(Duration::from_secs(2)).await;
    for conversation in &conversations {
        conversation.assert_pending().await;
    }

    worker.start();

    for conversation in &conversations {
        conversation.assert_answered_in_order().await;
        for (_, text) in &conversation.sent {
            assert_eq!(stack.calls(text).await, 1, "asked once and no more");
        }
    }
}

#[tokio::test]
async fn a_worker_stopped_in_the_middle_finishes_what_it_began_and_nothing_else() {
    let stack = stack();
    let worker = stack.worker().await;
    let person = Person::sign_up(stack).await;
    let (busy_room, other_room) = (person.create_room("busy").await, person.create_room("other").await);
    let slow = unique("take your time");
    stack.script(&slow, json!([{"kind": "answer", "text": "done", "delay_ms": 3000}])).await;
    let begun = person.send(&busy_room, &slow).await;
    while person.status(&begun).await["processing_status"] == "pending" {
        sleep(Duration::from_millis(50)).await;
    }

    worker.stop();

    let finished = person.status(&begun).await;
    assert_eq!(finished["processing_status"], "completed", "{finished}");
    let late = person.send(&other_room, &unique("too late")).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(person.status(&late).await["processing_status"], "pending");
    worker.start();
    assert_eq!(person.outcome(&late).await["processing_status"], "completed");
    assert_eq!(stack.calls(&slow).await, 1, "the answer that was under way is not asked for again");
}
