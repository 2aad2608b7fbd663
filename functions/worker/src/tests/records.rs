//! Job records for the operator, and the answer cache.

use std::time::Duration;

use clients::gemini::GenerateError;
use clients::table::jobs::JobRecord;
use domain::GenerationId;
use domain::message::{ErrorCode, ProcessingStatus};
use testkit::TestApp;

use super::{deliver, overloaded, sent, start, status};

async fn record(app: &TestApp, id: &str) -> Option<JobRecord> {
    let id: GenerationId = id.parse().unwrap();
    app.app.table().unwrap().find_jobs(&[id], app.app.clock.now()).await.unwrap().remove(&id)
}

#[tokio::test]
async fn answer_is_recorded() {
    let app = start().await;
    let (_, _, id) = sent(&app, "hello").await;
    assert_eq!(record(&app, &id).await, None);
    let _ = deliver(&app, &[&id]).await;
    let record = record(&app, &id).await.unwrap();
    assert_eq!((record.status, record.attempts), (ProcessingStatus::Completed, 1));
    assert_eq!(record.model.as_deref(), Some(app.app.config.gemini.models.basic().id.as_str()));
    assert_eq!((record.error_code, record.last_error), (None, None));
}

#[tokio::test]
async fn error_is_recorded_after_each_attempt() {
    let app = start().await;
    let (_, _, id) = sent(&app, "my secret").await;
    app.model.fail_with(overloaded());
    let _ = deliver(&app, &[&id]).await;
    let rescheduled = record(&app, &id).await.unwrap();
    assert_eq!(
        (rescheduled.status, rescheduled.attempts, rescheduled.error_code),
        (ProcessingStatus::Pending, 1, None)
    );
    assert!(rescheduled.last_error.unwrap().contains("503"));

    app.advance(Duration::from_secs(10));
    app.model.fail_with(GenerateError::BlockedPrompt { reason: "SAFETY".to_owned() });
    let _ = deliver(&app, &[&id]).await;
    let failed = record(&app, &id).await.unwrap();
    assert_eq!((failed.status, failed.attempts), (ProcessingStatus::Failed, 2));
    assert_eq!(failed.error_code, Some(ErrorCode::BlockedBySafety));
    let error = failed.last_error.unwrap();
    assert!(error.contains("SAFETY") && !error.contains("my secret"), "{error}");
}

#[tokio::test]
async fn unwritable_record_does_not_delay_the_answer() {
    let app = TestApp::serving(chatroom::routes()).var("TABLE_NAME", "absent").start().await;
    let (user, _, id) = sent(&app, "hello").await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(status(&app, &user, &id).await["processing_status"], "completed");
}

#[tokio::test]
async fn answer_is_cached_for_its_owner_when_enabled() {
    let app = TestApp::serving(chatroom::routes()).var("RESPONSE_CACHE_TTL", "60").start().await;
    let user = app.user().await;
    for expected in [1, 1] {
        let chatroom = app.create_chatroom(&user).await;
        let id = app.send_message(&user, &chatroom, "hello").await;
        assert!(deliver(&app, &[&id]).await.is_empty());
        assert_eq!(status(&app, &user, &id).await["reply"]["content"], "Echo: hello");
        assert_eq!(app.model.prompts().len(), expected);
    }
    assert_eq!(app.query_value::<i64>("SELECT prompt_tokens FROM users").await, 7);
    // Another user or another history is a cache miss.
    let (_, _, id) = sent(&app, "hello").await;
    let _ = deliver(&app, &[&id]).await;
    assert_eq!(app.model.prompts().len(), 2);
    let chatroom = app.create_chatroom(&user).await;
    for text in ["something else", "hello"] {
        let id = app.send_message(&user, &chatroom, text).await;
        let _ = deliver(&app, &[&id]).await;
    }
    assert_eq!(app.model.prompts().len(), 4);
}

#[tokio::test]
async fn answer_is_not_cached_by_default() {
    let app = start().await;
    let user = app.user().await;
    for calls in [1, 2] {
        let chatroom = app.create_chatroom(&user).await;
        let id = app.send_message(&user, &chatroom, "hello").await;
        let _ = deliver(&app, &[&id]).await;
        assert_eq!(app.model.prompts().len(), calls);
    }
}
