//! Responses with status 200.

use serde_json::json;
use wiremock::matchers::{body_json, header, method, path, query_param};

use super::*;

#[tokio::test]
async fn answer_is_read_without_thoughts() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1beta/models/gemini-3.5-flash:streamGenerateContent"))
        .and(query_param("alt", "sse"))
        .and(header("x-goog-api-key", KEY))
        .and(body_json(json!({
            "contents": [
                {"role": "user", "parts": [{"text": "hello"}]},
                {"role": "model", "parts": [{"text": "hi"}]},
                {"role": "user", "parts": [{"text": SECRET_TEXT}]},
            ],
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH"}],
            "generationConfig": {"maxOutputTokens": 1_500, "thinkingConfig": {"thinkingLevel": "LOW"}},
            "store": false,
        })))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({
            "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [
                {"text": "hm, treasure", "thought": true},
                {"text": "Under "},
                {"functionCall": {"name": "dig"}},
                {"text": "the palm.", "thoughtSignature": "c2ln"},
            ]}}],
            "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 4, "thoughtsTokenCount": 30,
                "cachedContentTokenCount": 8, "totalTokenCount": 45},
            "modelVersion": "gemini-3.5-flash-001",
            "responseId": "r",
        })))
        .expect(1)
        .mount(&server)
        .await;

    let answer =
        gemini_at(&server.uri(), Duration::from_secs(20)).generate_unobserved(&prompt()).await.unwrap();

    assert_eq!(answer.text, "Under the palm.");
    assert_eq!(answer.model, "gemini-3.5-flash-001");
    assert_eq!(answer.finish_reason, FinishReason::Stop);
    let usage = TokenUsage { prompt_tokens: 11, response_tokens: 34, thought_tokens: 30, cached_tokens: 8 };
    assert_eq!(answer.usage, usage);
}

#[tokio::test]
async fn text_is_an_answer_for_any_finish_reason() {
    assert_eq!(
        call_with_reply(reply("half a", "MAX_TOKENS")).await.unwrap().finish_reason,
        FinishReason::MaxTokens
    );
    let other = call_with_reply(reply("text", "OF_ANOTHER_KIND")).await.unwrap();
    assert_eq!(other.finish_reason, FinishReason::Other);
    assert_eq!((other.model.as_str(), other.usage), ("gemini-3.5-flash", TokenUsage::default()));
    for (label, reason) in [("SAFETY", FinishReason::Safety), ("RECITATION", FinishReason::Recitation)] {
        assert_eq!(call_with_reply(reply("half a", label)).await.unwrap().finish_reason, reason);
    }
}

#[tokio::test]
async fn answer_without_visible_text_is_an_error_with_its_tokens() {
    let parts = [
        json!([]),
        json!([{"text": " \n"}]),
        json!([{"text": "\u{200b}\u{3164}\u{2800}\u{ad}"}]),
        json!([{"text": "hm", "thought": true}]),
        json!([{"text": "hm", "thought": "true"}, {"text": "", "thoughtSignature": "c2ln"}]),
        json!([{"functionCall": {"name": "dig"}}]),
    ];
    let reasons = [("MAX_TOKENS", FinishReason::MaxTokens), ("STOP", FinishReason::Stop)];
    for (parts, (label, finish_reason)) in
        parts.iter().flat_map(|parts| reasons.map(|reason| (parts, reason)))
    {
        let reply = json!({"candidates": [{"content": {"parts": parts}, "finishReason": label}],
            "usageMetadata": {"promptTokenCount": 5, "thoughtsTokenCount": 9}});
        let error = call_with_reply(reply).await.unwrap_err();
        let usage = TokenUsage { prompt_tokens: 5, response_tokens: 9, thought_tokens: 9, cached_tokens: 0 };
        assert_eq!(error, GenerateError::NoAnswer { finish_reason, usage }, "{parts}");
    }
}

#[tokio::test]
async fn blocked_prompt_and_blocked_answer_are_distinguished() {
    let prompt_blocked = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}});
    let reason = "PROHIBITED_CONTENT".to_owned();
    assert_eq!(call_with_reply(prompt_blocked).await, Err(GenerateError::BlockedPrompt { reason }));
    let without_text = ["SAFETY", "RECITATION", "LANGUAGE"].map(|reason| (reason, ""));
    let with_text = ["BLOCKLIST", "PROHIBITED_CONTENT", "SPII"].map(|reason| (reason, "half of a bad thing"));
    for (reason, text) in without_text.into_iter().chain(with_text) {
        let error = call_with_reply(reply(text, reason)).await.unwrap_err();
        let blocked =
            GenerateError::BlockedAnswer { reason: reason.to_owned(), usage: TokenUsage::default() };
        assert_eq!(error, blocked);
    }
}

#[tokio::test]
async fn odd_values_cost_no_answer() {
    let answers = [
        "\u{feff}{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}]}",
        r#"{"candidates":[{"content":{"parts":[{"text":"Hi\ud83d"}]},"finishReason":"STOP"}]}"#,
        r#"[{"candidates":{"content":[{"parts":{"text":"Hi"}}],"finishReason":1,"index":null}}]"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"Hi","text":"Hi"}]},"safetyRatings":5}],"candidates":null,
            "candidates":[{"content":{"parts":[null,7,{"text":null},{"text":"Hi","thought":null}]}}]}"#,
        r#"{"candidates":[{"content":null},{"content":{"parts":[{"text":"Hi"}]}}],"usageMetadata":"none"}"#,
        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\t\"}]}}],\"modelVersion\":7}",
    ];
    for body in answers {
        let answer = call_server(ResponseTemplate::new(200).set_body_string(body)).await.unwrap();
        assert_eq!(answer.text.trim_end_matches(['\t', '\u{fffd}']), "Hi", "{body}");
        assert_eq!(answer.model, "gemini-3.5-flash");
    }
}

#[tokio::test]
async fn counts_are_read_in_any_form() {
    let counts = [
        (json!("5"), 5),
        (json!(5.0), 5),
        (json!(" 5.9 "), 5),
        (json!(-5), 0),
        (json!(null), 0),
        (json!({"count": 5}), 0),
        (json!("many"), 0),
        (json!(1e300), i32::MAX),
    ];
    for (count, expected) in counts {
        let mut body = reply("Hi", "STOP");
        body["usageMetadata"] = json!({"promptTokenCount": count, "candidatesTokenCount": count});
        let usage = call_with_reply(body).await.unwrap().usage;
        assert_eq!((usage.prompt_tokens, usage.response_tokens), (expected, expected), "{count}");
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

#[test]
fn raised_limit_is_for_thoughts_and_bounded() {
    let mut prompt = prompt();
    assert!(prompt.raise_output_limit());
    assert_eq!((prompt.max_output_tokens, prompt.output_limit()), (500, 6_000));
    while prompt.raise_output_limit() {}
    assert_eq!(prompt.output_limit(), MAX_OUTPUT_TOKENS);
}
