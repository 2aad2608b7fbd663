//! What is left of an attempt for the operator to see, and of an answer for who asks the same again.

use std::time::Duration;

use clients::gemini::GenerateError;
use clients::table::jobs::JobRecord;
use domain::MessageId;
use domain::message::{ErrorCode, ProcessingStatus};
use testkit::TestApp;

use super::{deliver, overloaded, sent, start, status};

async fn record(app: &TestApp, id: &str) -> Option<JobRecord> {
    let id: MessageId = id.parse().unwrap();
    app.app.table().unwrap().find_jobs(&[id], app.app.clock.now()).await.unwrap().remove(&id)
}

#[tokio::test]
async fn an_answer_is_on_record() {
    let app = start().await;
    let (_, _, id) = sent(&app, "hello").await;
    assert_eq!(record(&app, &id).await, None);
    let _ = deliver(&app, &[&id]).await;
    let record = record(&app, &id).await.unwrap();
    assert_eq!((record.status, record.attempts), (ProcessingStatus::Completed, 1));
    assert_eq!(record.model.as_deref(), Some(app.app.config.gemini.model_basic.as_str()));
    assert_eq!((record.error_code, record.last_error), (None, None));
}

#[tokio::test]
async fn what_went_wrong_is_on_record_after_each_attempt() {
    let app = start().await;
    let (_, _, id) = sent(&app, "my secret").await;
    app.model.fail_with(overloaded());
    let _ = deliver(&app, &[&id]).await;
    let put_off = record(&app, &id).await.unwrap();
    assert_eq!((put_off.status, put_off.attempts, put_off.error_code), (ProcessingStatus::Pending, 1, None));
    assert!(put_off.last_error.unwrap().contains("503"));

    app.advance(Duration::from_secs(10));
    app.model.fail_with(GenerateError::BlockedPrompt { reason: "SAFETY".to_owned() });
    let _ = deliver(&app, &[&id]).await;
    let failed = record(&app, &id).await.unwrap();
    assert_eq!((failed.status, failed.attempts), (ProcessingStatus::Failed, 2));
    assert_eq!(failed.error_code, Some(ErrorCode::BlockedBySafety));
    let words = failed.last_error.unwrap();
    assert!(words.contains("SAFETY") && !words.contains("my secret"), "{words}");
}

#[tokio::test]
async fn a_record_that_cannot_be_written_holds_nothing_up() {
    let app = TestApp::serving(chatroom::routes()).var("TABLE_NAME", "absent").start().await;
    let (person, _, id) = sent(&app, "hello").await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(status(&app, &person, &id).await["processing_status"], "completed");
}

#[tokio::test]
async fn an_answer_is_kept_for_its_owner_where_that_is_wanted() {
    let app = TestApp::serving(chatroom::routes()).var("RESPONSE_CACHE_TTL", "60").start().await;
    let person = app.person().await;
    for expected in [1, 1] {
        let room = app.room(&person).await;
        let id = app.message(&person, &room, "hello").await;
        assert!(deliver(&app, &[&id]).await.is_empty());
        assert_eq!(status(&app, &person, &id).await["reply"]["content"], "Echo: hello");
        assert_eq!(app.model.asked().len(), expected);
    }
    assert_eq!(app.stored::<i64>("SELECT prompt_tokens FROM users").await, 7);
    // Another person, and another history, are not the same.
    let (_, _, id) = sent(&app, "hello").await;
    let _ = deliver(&app, &[&id]).await;
    assert_eq!(app.model.asked().len(), 2);
    let room = app.room(&person).await;
    for text in ["something else", "hello"] {
        let id = app.message(&person, &room, text).await;
        let _ = deliver(&app, &[&id]).await;
    }
    assert_eq!(app.model.asked().len(), 4);
}

#[tokio::test]
async fn nothing_is_kept_where_nobody_wants_it() {
    let app = start().await;
    let person = app.person().await;
    for asked in [1, 2] {
        let room = app.room(&person).await;
        let id = app.message(&person, &room, "hello").await;
        let _ = deliver(&app, &[&id]).await;
        assert_eq!(app.model.asked().len(), asked);
    }
}
