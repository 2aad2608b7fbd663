//! Answers without text, and refusals of the account.

use clients::gemini::{BillingProblem, FinishReason, GenerateError, TokenUsage};
use serde_json::json;
use store::generations::account;
use testkit::TestApp;

use super::{deliver, sent, start, status};

/// An answer without text, of a call with 100 tokens in and 20 out.
fn no_answer(finish_reason: FinishReason) -> GenerateError {
    let usage = TokenUsage { prompt_tokens: 100, response_tokens: 20, ..TokenUsage::default() };
    GenerateError::NoAnswer { finish_reason, usage }
}

/// The tokens counted for the day: prompt, response.
async fn counted_tokens(app: &TestApp) -> (i64, i64) {
    let prompt_tokens = app.query_value("SELECT prompt_tokens FROM daily_usage").await;
    (prompt_tokens, app.query_value("SELECT response_tokens FROM daily_usage").await)
}

#[tokio::test]
async fn answer_without_text_is_asked_once_more() {
    let app = start().await;
    let (user, _, id) = sent(&app, "hello").await;
    app.model.fail_with(no_answer(FinishReason::Stop));
    assert!(deliver(&app, &[&id]).await.is_empty());
    let message = status(&app, &user, &id).await;
    assert_eq!((&message["processing_status"], &message["attempts"]), (&json!("completed"), &json!(1)));
    let limits: Vec<u32> = app.model.prompts().iter().map(clients::gemini::Prompt::output_limit).collect();
    assert_eq!(limits.len(), 2);
    assert_eq!(limits[0], limits[1]);
    // The tokens of both calls count.
    assert_eq!(counted_tokens(&app).await, (107, 23));
}

#[tokio::test]
async fn second_call_after_thoughts_without_text_has_a_larger_limit() {
    let app = start().await;
    let (_, _, id) = sent(&app, "hello").await;
    app.model.fail_with(no_answer(FinishReason::MaxTokens));
    assert!(deliver(&app, &[&id]).await.is_empty());
    let limits: Vec<u32> = app.model.prompts().iter().map(clients::gemini::Prompt::output_limit).collect();
    assert_eq!(limits[1], 4 * limits[0]);
}

#[tokio::test]
async fn message_without_an_answer_fails_after_the_second_call() {
    let app = start().await;
    let (user, _, id) = sent(&app, "hello").await;
    for _ in 0..2 {
        app.model.fail_with(no_answer(FinishReason::Stop));
    }
    assert!(deliver(&app, &[&id]).await.is_empty());
    let message = status(&app, &user, &id).await;
    assert_eq!((&message["error_code"], &message["attempts"]), (&json!("no_answer"), &json!(1)));
    assert_eq!(app.model.prompts().len(), 2);
    assert_eq!(counted_tokens(&app).await, (200, 40));
    let units: i32 = app.query_value("SELECT messages FROM daily_usage").await;
    assert_eq!(units, 1, "the user caused the failure, and the model was called");
}

#[tokio::test]
async fn answer_that_has_lost_its_lease_counts_its_tokens() {
    let app = start().await;
    let (user, _, id) = sent(&app, "hello").await;
    app.model.hold();
    let cancel = async {
        app.model.wait_for_calls(1).await;
        let (db, now) = (app.app.db().await.unwrap(), app.app.clock.now());
        assert_eq!(account::cancel_all(&db, user.id, now).await.unwrap(), 1);
        app.model.release();
    };
    let ids = [id.as_str()];
    let (undelivered, ()) = tokio::join!(deliver(&app, &ids), cancel);
    assert!(undelivered.is_empty());
    assert_eq!(status(&app, &user, &id).await["processing_status"], "cancelled");
    assert_eq!(counted_tokens(&app).await, (7, 3));
    assert_eq!(app.query_value::<i32>("SELECT messages FROM daily_usage").await, 1);
}

#[tokio::test]
async fn second_call_waits_for_the_next_attempt_when_the_rate_limit_is_reached() {
    let app = TestApp::serving(chatroom::routes()).var("GEMINI_REQUESTS_PER_MINUTE", "1").start().await;
    let (user, _, id) = sent(&app, "hello").await;
    app.model.fail_with(no_answer(FinishReason::Stop));
    assert_eq!(deliver(&app, &[&id]).await, [id.as_str()]);
    let message = status(&app, &user, &id).await;
    assert_eq!((&message["processing_status"], &message["attempts"]), (&json!("pending"), &json!(1)));
    assert_eq!(app.model.prompts().len(), 1);
}

#[tokio::test]
async fn refused_key_and_missing_money_fail_the_message_at_once() {
    let refusals = [
        (GenerateError::KeyRejected { status: 401, reason: "X".to_owned() }, "gemini_key_refused"),
        (GenerateError::Billing { problem: BillingProblem::Credits }, "gemini_billing"),
    ];
    for (error, code) in refusals {
        let app = start().await;
        let (user, _, id) = sent(&app, "hello").await;
        app.model.fail_with(error);
        assert!(deliver(&app, &[&id]).await.is_empty());
        let message = status(&app, &user, &id).await;
        assert_eq!((&message["error_code"], &message["attempts"]), (&json!(code), &json!(1)));
        let model = &app.app.config.gemini.models.basic().id;
        let refusal = app.app.model_rate_limiter.find_refusal(&[model]).await.unwrap();
        assert_eq!(refusal.as_deref(), Some(code));
    }
}
