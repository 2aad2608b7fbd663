//! The text of an answer in Redis while it is written.

use std::time::Duration;

use clients::gemini::GenerateError;
use clients::redis::live_text::{Entry, EntryId, EntryKind};
use domain::GenerationId;
use domain::message::ProcessingStatus;
use testkit::TestApp;

use super::{deliver, overloaded, sent, start, status};

/// The entries of the message's first generation after `last`. Waits for one.
async fn read(app: &TestApp, id: &str, last: Option<EntryId>) -> Vec<Entry> {
    let generation: GenerationId = id.parse().unwrap();
    let mut reader = app.app.redis.live_text_reader();
    reader.read_after(generation, last, Duration::from_secs(10)).await.unwrap().entries
}

/// A fence, the joined text, and how the attempt ended.
type Attempt = (u64, String, Option<EntryKind>);

fn attempt(fence: u64, text: &str, end: EntryKind) -> Attempt {
    (fence, text.to_owned(), Some(end))
}

/// The entries so far, joined.
async fn attempts(app: &TestApp, id: &str) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> = Vec::new();
    for entry in read(app, id, None).await {
        match (entry.kind, attempts.last_mut()) {
            (EntryKind::Start, _) => attempts.push((entry.id.fence, String::new(), None)),
            (EntryKind::Text(piece), Some((_, text, _))) => text.push_str(&piece),
            (kind, Some((_, _, end))) => *end = Some(kind),
            (kind, None) => panic!("{kind:?} before a start"),
        }
    }
    attempts
}

const COMPLETED: EntryKind = EntryKind::End(ProcessingStatus::Completed);

#[tokio::test]
async fn text_is_readable_before_the_answer_is_complete() {
    let app = start().await;
    let (user, _, id) = sent(&app, "hello").await;
    app.model.hold_in_mid_text();
    let ids = [id.as_str()];
    let delivery = deliver(&app, &ids);
    let reading = async {
        let first = read(&app, &id, None).await;
        let first = if first.len() > 1 { first } else { read(&app, &id, Some(first[0].id)).await };
        assert_eq!(first.last().unwrap().kind, EntryKind::Text("Echo:".to_owned()));
        assert_eq!(status(&app, &user, &id).await["processing_status"], "processing");
        app.model.release();
    };
    let (failures, ()) = tokio::join!(delivery, reading);
    assert!(failures.is_empty());
    let attempts = attempts(&app, &id).await;
    assert_eq!(attempts, [attempt(1, "Echo: hello", COMPLETED)]);
    assert_eq!(status(&app, &user, &id).await["reply"]["content"], "Echo: hello");
}

#[tokio::test]
async fn text_of_a_failed_attempt_is_not_joined_with_the_next() {
    let app = start().await;
    let (_, _, id) = sent(&app, "hello").await;
    app.model.fail_after("half an answer", overloaded());
    assert_eq!(deliver(&app, &[&id]).await, [id.as_str()]);
    app.advance(Duration::from_secs(10));
    assert!(deliver(&app, &[&id]).await.is_empty());
    let attempts = attempts(&app, &id).await;
    let first = attempt(1, "half an answer", EntryKind::Pause);
    assert_eq!(attempts, [first, attempt(2, "Echo: hello", COMPLETED)]);
}

#[tokio::test]
async fn fallback_waits_for_the_next_attempt_once_text_was_shown() {
    let app = start().await;
    let (user, _, id) = sent(&app, "hello").await;
    app.model.fail_after("half an answer", GenerateError::DailyQuota { quota: "PerDay".to_owned() });
    assert_eq!(deliver(&app, &[&id]).await, [id.as_str()]);
    assert_eq!(app.model.prompts().len(), 1);
    app.advance(Duration::from_secs(10));
    assert!(deliver(&app, &[&id]).await.is_empty());
    let fallback = app.app.config.gemini.models.fallbacks().next().map(|model| model.id.clone());
    assert_eq!(app.model.prompts().last().map(|prompt| prompt.model.clone()), fallback);
    assert_eq!(attempts(&app, &id).await[1].1, "Echo: hello");
    assert_eq!(status(&app, &user, &id).await["reply"]["content"], "Echo: hello");
}

#[tokio::test]
async fn failure_and_cached_answer_are_shown() {
    let app = TestApp::serving(chatroom::routes()).var("RESPONSE_CACHE_TTL", "60").start().await;
    let (user, _, id) = sent(&app, "hello").await;
    app.model.fail_with(GenerateError::BlockedPrompt { reason: "SAFETY".to_owned() });
    assert!(deliver(&app, &[&id]).await.is_empty());
    let failed = attempt(1, "", EntryKind::End(ProcessingStatus::Failed));
    assert_eq!(attempts(&app, &id).await, [failed]);
    for _ in 0..2 {
        let chatroom = app.create_chatroom(&user).await;
        let id = app.send_message(&user, &chatroom, "hello").await;
        assert!(deliver(&app, &[&id]).await.is_empty());
        let expected = [attempt(1, "Echo: hello", COMPLETED)];
        assert_eq!(attempts(&app, &id).await, expected);
    }
    assert_eq!(app.model.prompts().len(), 2);
}

#[tokio::test]
async fn message_is_answered_without_redis() {
    // Nothing listens on port 1.
    let builder = TestApp::serving(chatroom::routes()).var("REDIS_URL", "redis://127.0.0.1:1");
    let app = builder.start().await;
    let (user, _, id) = sent(&app, "hello").await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(status(&app, &user, &id).await["reply"]["content"], "Echo: hello");
}
