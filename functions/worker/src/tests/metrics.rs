//! What the worker measures, and that it measures it once.

use clients::gemini::GenerateError;
use serde_json::json;

use super::spending::{COST, with_caps};
use super::{deliver, overloaded, sent, start};

#[tokio::test]
async fn answer_is_measured_once_despite_duplicate_deliveries() {
    let app = with_caps(None, None).start().await;
    let (_, _, id) = sent(&app, "hello").await;
    for _ in 0..2 {
        assert!(deliver(&app, &[&id]).await.is_empty());
    }
    let calls = ["PromptTokens", "ResponseTokens", "CostMicroUsd"];
    let answer = ["MessagesAnswered", "QueueWait", "FirstText", "AnswerTime"];
    assert_eq!(app.metrics.names(), [&["MessagesAccepted"][..], &calls, &answer].concat());
    let call = &app.metrics.lines("CostMicroUsd")[0];
    assert_eq!(
        (&call["PromptTokens"], &call["ResponseTokens"], &call["CostMicroUsd"], &call["Model"]),
        (&json!(7), &json!(3), &json!(COST), &json!(app.app.config.gemini.models.basic().id))
    );
    let answer = &app.metrics.lines("AnswerTime")[0];
    assert_eq!(answer["message.id"], json!(id));
    let [wait, first, whole] =
        ["QueueWait", "FirstText", "AnswerTime"].map(|name| answer[name].as_f64().unwrap());
    assert!(wait <= first && first <= whole && whole < 60_000.0, "{answer}");
}

#[tokio::test]
async fn later_attempt_has_no_queue_wait_and_counts_from_the_acceptance() {
    let app = start().await;
    let (_, _, id) = sent(&app, "hello").await;
    app.model.fail_with(overloaded());
    assert_eq!(deliver(&app, &[&id]).await, [id.as_str()]);
    app.advance(app.queue.delays().last().unwrap().1);
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert!(app.metrics.values("QueueWait").is_empty());
    let answer = app.metrics.values("AnswerTime");
    assert!(answer.len() == 1 && answer[0] >= 2_000.0, "{answer:?}");
}

#[tokio::test]
async fn failure_counts_its_code_and_cause_once() {
    let app = start().await;
    let refused = GenerateError::KeyRejected { status: 403, reason: "PERMISSION_DENIED".to_owned() };
    let blocked = GenerateError::BlockedPrompt { reason: "SAFETY".to_owned() };
    for error in [refused, blocked] {
        let (_, _, id) = sent(&app, "hello").await;
        app.model.fail_with(error);
        for _ in 0..2 {
            assert!(deliver(&app, &[&id]).await.is_empty());
        }
    }
    let failed = app.metrics.lines("MessagesFailed");
    let failed: Vec<_> = failed.iter().map(|line| (&line["ErrorCode"], &line["Cause"])).collect();
    let expected =
        [(json!("gemini_key_refused"), json!("service")), (json!("blocked_by_safety"), json!("user"))];
    assert_eq!(failed, expected.each_ref().map(|(code, cause)| (code, cause)));
    assert!(app.metrics.values("MessagesAnswered").is_empty());
}

#[tokio::test]
async fn retired_model_and_reached_cap_are_counted() {
    let app = with_caps(None, Some(COST)).var("GEMINI_MAX_WAIT_MS", "0").start().await;
    let (_, _, id) = sent(&app, "hello").await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(app.metrics.lines("QuotaRefusals")[0]["Reason"], "service_spend_cap");
    assert_eq!(app.metrics.lines("MessagesFailed")[0]["ErrorCode"], "spend_cap_reached");

    let app = start().await;
    let (_, _, id) = sent(&app, "hello").await;
    app.model.fail_with(GenerateError::ModelNotFound { model: "gone".to_owned() });
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(app.metrics.values("ModelChanges"), [1.0]);
}
