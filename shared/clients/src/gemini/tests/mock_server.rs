//! The client against the mock Gemini: a normal answer and every failure that can be scripted.

use std::time::Duration;

use domain::message::ErrorCode;
use mock_gemini::MockGemini;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::super::{
    Answer, FinishReason, Gemini, GeminiConfig, GenerateError, LanguageModel as _, Observer, Prompt, Role,
    ThinkingLevel, TokenUsage, Turn,
};

/// A running mock Gemini.
struct Mock {
    base_url: String,
}

impl Mock {
    async fn start() -> Self {
        let (_, base_url, _) = MockGemini::start().await.unwrap();
        Self { base_url }
    }

    async fn script(&self, step: &Value) {
        self.control("script", &json!({"steps": [step]})).await;
    }

    async fn control(&self, path: &str, body: &Value) {
        let url = format!("{}/_control/{path}", self.base_url);
        http_client().post(url).json(body).send().await.unwrap().error_for_status().unwrap();
    }

    async fn calls(&self) -> Value {
        let url = format!("{}/_control/calls", self.base_url);
        http_client().get(url).send().await.unwrap().json().await.unwrap()
    }

    async fn generate_within(
        &self,
        timeout: Duration,
        key: &str,
        prompt: &Prompt,
    ) -> Result<Answer, GenerateError> {
        self.generate_with(timeout, timeout, key, prompt).await
    }

    async fn generate_with(
        &self,
        timeout: Duration,
        stall_timeout: Duration,
        key: &str,
        prompt: &Prompt,
    ) -> Result<Answer, GenerateError> {
        let observer = Observer::new(&|_| {}, watch::channel(false).1);
        self.client(key, stall_timeout).generate(prompt, timeout, &observer).await
    }

    fn client(&self, key: &str, stall_timeout: Duration) -> Gemini {
        let (base_url, api_key, safety_settings) = (self.base_url.clone(), key.into(), Vec::new());
        let first_chunk_timeout = Duration::from_mins(1);
        let config = GeminiConfig { base_url, api_key, first_chunk_timeout, stall_timeout, safety_settings };
        Gemini::new(config).unwrap()
    }

    async fn generate(&self, prompt: &Prompt) -> Result<Answer, GenerateError> {
        self.generate_within(Duration::from_secs(20), "key", prompt).await
    }
}

fn http_client() -> reqwest::Client {
    crate::http::builder(crate::tls::client_config()).build().unwrap()
}

fn prompt(text: &str) -> Prompt {
    Prompt {
        model: "gemini-3.5-flash".to_owned(),
        system_instruction: Some("Be kind.".to_owned()),
        turns: vec![Turn { role: Role::User, text: text.to_owned() }],
        max_output_tokens: 1_000,
        thinking_tokens: 0,
        thinking_level: None,
    }
}

#[tokio::test]
async fn answer_is_read() {
    let mock = Mock::start().await;
    let answer = mock.generate(&prompt("Is this thing on?")).await.unwrap();
    assert!(answer.text.contains("You asked: \"Is this thing on?\""), "{}", answer.text);
    assert!(answer.text.contains("My instruction is: \"Be kind.\""), "{}", answer.text);
    assert_eq!((answer.finish_reason, answer.model.as_str()), (FinishReason::Stop, "gemini-3.6-flash"));
    assert_eq!(answer.usage.prompt_tokens, 7);
    assert!(answer.usage.response_tokens > 24);
}

#[tokio::test]
async fn scripted_failure_maps_to_its_error_code() {
    use ErrorCode::{
        BlockedBySafety, GeminiKeyRefused, GeminiOverloaded, GeminiQuota, Internal, InvalidRequest, NoAnswer,
    };
    let mock = Mock::start().await;
    let table = [
        (json!({"kind": "error", "status": 503}), GeminiOverloaded, true, None),
        (json!({"kind": "error", "status": 500}), GeminiOverloaded, true, None),
        (json!({"kind": "error", "status": 504}), GeminiOverloaded, true, None),
        (json!({"kind": "error", "status": 400}), InvalidRequest, false, None),
        (json!({"kind": "error", "status": 403}), GeminiKeyRefused, false, None),
        (json!({"kind": "error", "status": 404}), Internal, false, None),
        (json!({"kind": "rate_limited", "retry_delay": "2s"}), GeminiQuota, true, Some(2_000)),
        (
            json!({"kind": "rate_limited", "retry_delay": "1.5s", "array": true}),
            GeminiQuota,
            true,
            Some(1_500),
        ),
        (json!({"kind": "rate_limited"}), GeminiQuota, true, None),
        (json!({"kind": "rate_limited", "details": false}), GeminiQuota, true, None),
        (json!({"kind": "rate_limited", "per_day": true, "retry_delay": "36s"}), GeminiQuota, false, None),
        (json!({"kind": "blocked_prompt"}), BlockedBySafety, false, None),
        (json!({"kind": "blocked_answer", "reason": "SAFETY"}), BlockedBySafety, false, None),
        (json!({"kind": "blocked_answer", "reason": "RECITATION"}), BlockedBySafety, false, None),
        (json!({"kind": "blocked_answer", "reason": "OTHER"}), NoAnswer, false, None),
        (json!({"kind": "cut"}), GeminiOverloaded, true, None),
        (json!({"kind": "garbage"}), GeminiOverloaded, true, None),
        (json!({"kind": "answer", "text": "", "finish_reason": "MAX_TOKENS"}), NoAnswer, false, None),
        (json!({"kind": "answer", "text": "", "finish_reason": "STOP"}), NoAnswer, false, None),
    ];
    for (step, code, is_transient, delay_ms) in table {
        mock.script(&step).await;
        let error = mock.generate(&prompt("hi")).await.unwrap_err();
        assert_eq!((error.error_code(), error.is_transient()), (code, is_transient), "{step}: {error}");
        assert_eq!(error.retry_delay(), delay_ms.map(Duration::from_millis), "{step}: {error}");
    }
    assert!(mock.generate(&prompt("hi")).await.is_ok());
}

#[tokio::test]
async fn cut_connection_is_not_an_invalid_response() {
    let mock = Mock::start().await;
    mock.script(&json!({"kind": "cut"})).await;
    let error = mock.generate(&prompt("hi")).await.unwrap_err();
    assert!(matches!(error, GenerateError::ConnectionLost { .. }), "{error}");
}

#[tokio::test]
async fn stalled_stream_ends_long_before_the_timeout() {
    let mock = Mock::start().await;
    mock.script(&json!({"kind": "slow", "delay_ms": 60_000, "after_bytes": 500})).await;
    let (timeout, stall_timeout) = (Duration::from_mins(1), Duration::from_millis(300));
    let error = mock.generate_with(timeout, stall_timeout, "key", &prompt("hi")).await.unwrap_err();
    assert_eq!(error, GenerateError::Stalled);
    assert_eq!((error.error_code(), error.is_transient()), (ErrorCode::Timeout, true));
}

#[tokio::test]
async fn stream_that_ends_early_is_no_answer() {
    let mock = Mock::start().await;
    mock.script(&json!({"kind": "cut", "clean": true})).await;
    let error = mock.generate(&prompt("hi")).await.unwrap_err();
    assert!(matches!(error, GenerateError::InvalidResponse { .. }), "{error}");

    let text = json!({"candidates": [{"content": {"parts": [{"text": "half"}]}}]});
    mock.script(&json!({"kind": "chunks", "chunks": [text], "error": 503})).await;
    let error = mock.generate(&prompt("hi")).await.unwrap_err();
    assert_eq!(error, GenerateError::Overloaded { status: 503, retry_delay: None });
}

#[tokio::test]
async fn slow_response_times_out() {
    let mock = Mock::start().await;
    mock.script(&json!({"kind": "answer", "delay_ms": 60_000})).await;
    let error = mock.generate_within(Duration::from_millis(300), "key", &prompt("hi")).await.unwrap_err();
    assert_eq!(error, GenerateError::Timeout);
    assert_eq!((error.error_code(), error.is_transient()), (ErrorCode::Timeout, true));
    let log = mock.calls().await;
    assert_eq!((&log["calls"][0]["step"], &log["calls"][0]["status"]), (&json!("answer"), &Value::Null));
    mock.control("latency", &json!({"ms": 60_000})).await;
    let late = mock.generate_within(Duration::from_millis(300), "key", &prompt("hi")).await;
    assert_eq!(late, Err(GenerateError::Timeout));
}

#[tokio::test]
async fn answer_ends_with_its_text_when_the_time_is_over() {
    let mock = Mock::start().await;
    mock.script(&json!({"kind": "slow", "delay_ms": 60_000})).await;
    let limits = (Duration::from_secs(1), Duration::from_mins(1));
    let answer = mock.generate_with(limits.0, limits.1, "key", &prompt("hi")).await.unwrap();
    assert_eq!(answer.finish_reason, FinishReason::MaxTime);
    assert!(!answer.text.is_empty());
}

#[tokio::test]
async fn slow_response_within_the_timeout_is_complete() {
    let mock = Mock::start().await;
    mock.script(&json!({"kind": "slow", "delay_ms": 20})).await;
    assert!(mock.generate(&prompt("hi")).await.unwrap().text.ends_with("\"Be kind.\"."));
}

#[tokio::test]
async fn wrong_key_and_unknown_model_are_distinguished() {
    let mock = Mock::start().await;
    let rejected =
        mock.generate_within(Duration::from_secs(20), "invalid-key", &prompt("hi")).await.unwrap_err();
    let reason = "API_KEY_INVALID".to_owned();
    assert_eq!(rejected, GenerateError::KeyRejected { status: 400, reason });
    let unknown = Prompt { model: "gemini-1.5-pro".to_owned(), ..prompt("hi") };
    let model = "gemini-1.5-pro".to_owned();
    assert_eq!(mock.generate(&unknown).await, Err(GenerateError::ModelNotFound { model }));
    let no_turns = Prompt { turns: Vec::new(), ..prompt("hi") };
    assert_eq!(mock.generate(&no_turns).await.unwrap_err().error_code(), ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn answer_cut_at_max_output_tokens_is_an_answer() {
    let mock = Mock::start().await;
    let short = Prompt { max_output_tokens: 4, thinking_tokens: 24, ..prompt("hi") };
    let answer = mock.generate(&short).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.finish_reason), ("This is the loca", FinishReason::MaxTokens));
    assert_eq!((answer.usage.thought_tokens, answer.usage.response_tokens), (24, 28));
}

#[tokio::test]
async fn thoughts_that_use_up_the_limit_leave_no_answer_until_it_is_raised() {
    let mock = Mock::start().await;
    let mut prompt = Prompt { max_output_tokens: 20, ..prompt("hi") };
    let error = mock.generate(&prompt).await.unwrap_err();
    let usage = TokenUsage { prompt_tokens: 3, response_tokens: 20, thought_tokens: 20, cached_tokens: 0 };
    assert_eq!(error, GenerateError::NoAnswer { finish_reason: FinishReason::MaxTokens, usage });

    assert!(prompt.raise_output_limit());
    assert_eq!(mock.generate(&prompt).await.unwrap().finish_reason, FinishReason::Stop);
}

#[tokio::test]
async fn unsupported_thinking_level_is_an_invalid_request() {
    let mock = Mock::start().await;
    let low = Prompt { thinking_level: Some(ThinkingLevel::Low), ..prompt("hi") };
    assert_eq!(mock.generate(&low).await.unwrap().usage.thought_tokens, 12);
    let model = "gemini-3.8-flash".to_owned();
    let minimal = Prompt { model, thinking_level: Some(ThinkingLevel::Minimal), ..prompt("hi") };
    assert_eq!(mock.generate(&minimal).await.unwrap_err().error_code(), ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn any_status_and_body_of_a_gateway_is_classified() {
    use ErrorCode::{GeminiBilling, GeminiKeyRefused, GeminiOverloaded};
    let mock = Mock::start().await;
    let credits = "Your prepayment credits are depleted.";
    for (step, code) in [
        (json!({"kind": "error", "status": 401}), GeminiKeyRefused),
        (json!({"kind": "error", "status": 408}), GeminiOverloaded),
        (json!({"kind": "error", "status": 499}), GeminiOverloaded),
        (json!({"kind": "raw", "status": 502, "body": "<html>502</html>"}), GeminiOverloaded),
        (json!({"kind": "raw", "body": "<html>200</html>"}), GeminiOverloaded),
        (json!({"kind": "error", "status": 429, "message": credits, "array": true}), GeminiBilling),
    ] {
        mock.script(&step).await;
        assert_eq!(mock.generate(&prompt("hi")).await.unwrap_err().error_code(), code, "{step}");
    }
}

#[tokio::test]
async fn first_candidate_with_visible_text_is_the_answer() {
    let mock = Mock::start().await;
    let thought = json!({"text": "hm", "thought": true});
    let parts = json!([thought, {"text": "", "thoughtSignature": "c2ln"}]);
    let second = json!({"content": {"parts": [thought, {"text": "Hi"}]}, "finishReason": "STOP"});
    mock.script(&json!({"kind": "answer", "parts": parts, "more_candidates": [second], "usage": 5})).await;
    let answer = mock.generate(&prompt("hi")).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.usage), ("Hi", TokenUsage::default()));
}

#[tokio::test]
async fn stopped_call_closes_its_connection() {
    let (server, base_url, _) = MockGemini::start().await.unwrap();
    let mock = Mock { base_url };
    let (before_text, in_mid_text) = (json!({ "delay_ms": 60_000 }), json!({ "duration_ms": 60_000 }));
    for (question, mut step) in [("before the text", before_text), ("in mid-text", in_mid_text)] {
        step["kind"] = "answer".into();
        step["text"] = "one two three four five six seven ".repeat(600).into();
        mock.script(&step).await;
        let (stop, is_stopped) = watch::channel(false);
        let on_text = |_: &str| {
            stop.send_replace(true);
        };
        let gemini = mock.client("key", Duration::from_mins(1));
        let (prompt, observer) = (prompt(question), Observer::new(&on_text, is_stopped));
        let call = gemini.generate(&prompt, Duration::from_mins(2), &observer);
        let stop_before_text = async {
            while question == "before the text" && server.calls(question) == 0 {
                tokio::task::yield_now().await;
            }
            if question == "before the text" {
                stop.send_replace(true);
            }
        };
        let (result, ()) = tokio::join!(call, stop_before_text);
        match result {
            Ok(answer) => assert_eq!(answer.finish_reason, FinishReason::Cancelled),
            Err(error) => assert_eq!(error, GenerateError::Stopped { usage: TokenUsage::default() }),
        }
        while server.disconnects(question) == 0 {
            tokio::task::yield_now().await;
        }
    }
}
