//! Responses with status 200.

use serde_json::json;
use wiremock::matchers::{body_json, header, method, path};

use super::*;

#[tokio::test]
async fn answer_is_read_without_thoughts() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1beta/models/gemini-3.5-flash:generateContent"))
        .and(header("x-goog-api-key", KEY))
        .and(body_json(json!({
            "contents": [
                {"role": "user", "parts": [{"text": "hello"}]},
                {"role": "model", "parts": [{"text": "hi"}]},
                {"role": "user", "parts": [{"text": SECRET_TEXT}]},
            ],
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "generationConfig": {"maxOutputTokens": 500},
            "store": false,
        })))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({
            "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [
                {"text": "hm, treasure", "thought": true},
                {"text": "Under "},
                {"functionCall": {"name": "dig"}},
                {"text": "the palm.", "thoughtSignature": "c2ln"},
            ]}}],
            "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 4, "thoughtsTokenCount": 30, "totalTokenCount": 45},
            "modelVersion": "gemini-3.5-flash-001",
            "responseId": "r",
        })))
        .expect(1)
        .mount(&server)
        .await;

    let answer = gemini_at(&server.uri(), Duration::from_secs(20)).generate(&prompt()).await.unwrap();

    assert_eq!(answer.text, "Under the palm.");
    assert_eq!(answer.model, "gemini-3.5-flash-001");
    assert_eq!(answer.finish_reason, FinishReason::Stop);
    assert_eq!((answer.prompt_tokens, answer.response_tokens), (11, 34));
}

#[tokio::test]
async fn text_is_an_answer_for_any_finish_reason() {
    assert_eq!(
        call_with_reply(reply("half a", "MAX_TOKENS")).await.unwrap().finish_reason,
        FinishReason::MaxTokens
    );
    let other = call_with_reply(reply("text", "OF_ANOTHER_KIND")).await.unwrap();
    assert_eq!(other.finish_reason.as_str(), "OF_ANOTHER_KIND");
    assert_eq!((other.model.as_str(), other.prompt_tokens), ("gemini-3.5-flash", 0));
}

#[tokio::test]
async fn answer_without_text_is_an_error() {
    let empty = json!({"candidates": [{"content": {}, "finishReason": "MAX_TOKENS"}]});
    assert_eq!(call_with_reply(empty).await, Err(GenerateError::OutputLimitReached));
    for reason in ["STOP", "OTHER", "OF_ANOTHER_KIND"] {
        let error = call_with_reply(reply(" ", reason)).await.unwrap_err();
        assert!(matches!(error, GenerateError::InvalidResponse { .. }), "{reason}: {error}");
    }
}

#[tokio::test]
async fn blocked_prompt_and_blocked_answer_are_distinguished() {
    let prompt_blocked = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}});
    let reason = "PROHIBITED_CONTENT".to_owned();
    assert_eq!(call_with_reply(prompt_blocked).await, Err(GenerateError::BlockedPrompt { reason }));
    for reason in ["SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"] {
        let error = call_with_reply(reply("half of a bad thing", reason)).await.unwrap_err();
        assert_eq!(error, GenerateError::BlockedAnswer { reason: reason.to_owned() });
    }
}

#[tokio::test]
async fn malformed_response_is_an_error() {
    for body in [
        "",
        "<html>502</html>",
        "{}",
        "[]",
        r#"{"candidates":[]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"#,
    ] {
        let error = call_server(ResponseTemplate::new(200).set_body_string(body)).await.unwrap_err();
        assert!(matches!(error, GenerateError::InvalidResponse { .. }), "{body}: {error}");
    }
    let wrong_type = json!({"candidates": [{"content": {"parts": [{"text": {"said": SECRET_TEXT}}]}}]});
    let error = call_with_reply(wrong_type).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("treasure"));
}
