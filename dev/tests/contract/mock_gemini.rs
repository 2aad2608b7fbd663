//! The real client against every failure that can be scripted, over a real socket.

use std::time::Duration;

use clients::gemini::{
    Answer, FinishReason, Gemini, GeminiConfig, GenerateError, LanguageModel as _, Prompt, Role, Turn,
};
use domain::message::ErrorCode;
use mock_gemini::StandIn;
use serde_json::{Value, json};
use stack::web;
use tokio::net::TcpListener;

/// A served stand-in and a client of it.
struct Pair {
    base_url: String,
}

impl Pair {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(StandIn::default().serve(listener));
        Self { base_url }
    }

    async fn script(&self, step: &Value) {
        self.control("script", &json!({"steps": [step]})).await;
    }

    async fn control(&self, what: &str, body: &Value) {
        let url = format!("{}/_control/{what}", self.base_url);
        web::client().post(url).json(body).send().await.unwrap().error_for_status().unwrap();
    }

    async fn calls(&self) -> Value {
        let url = format!("{}/_control/calls", self.base_url);
        web::client().get(url).send().await.unwrap().json().await.unwrap()
    }

    async fn ask_within(
        &self,
        timeout: Duration,
        key: &str,
        prompt: &Prompt,
    ) -> Result<Answer, GenerateError> {
        let config = GeminiConfig { base_url: self.base_url.clone(), api_key: key.into(), timeout };
        Gemini::new(config).unwrap().generate(prompt).await
    }

    async fn ask(&self, prompt: &Prompt) -> Result<Answer, GenerateError> {
        self.ask_within(Duration::from_secs(20), "key", prompt).await
    }
}

fn prompt(text: &str) -> Prompt {
    Prompt {
        model: "gemini-3.5-flash".to_owned(),
        system_instruction: Some("Be kind.".to_owned()),
        turns: vec![Turn { role: Role::User, text: text.to_owned() }],
        max_output_tokens: 1_000,
    }
}

#[tokio::test]
async fn the_client_reads_an_answer() {
    let pair = Pair::start().await;
    let answer = pair.ask(&prompt("Is this thing on?")).await.unwrap();
    assert!(answer.text.contains("You asked: \"Is this thing on?\""), "{}", answer.text);
    assert!(answer.text.contains("My instruction is: \"Be kind.\""), "{}", answer.text);
    assert_eq!((answer.finish_reason, answer.model.as_str()), (FinishReason::Stop, "gemini-3.5-flash"));
    assert_eq!(answer.prompt_tokens, 7);
    assert!(answer.response_tokens > 24);
}

#[tokio::test]
async fn every_scripted_failure_ends_as_the_table_says() {
    use ErrorCode::{BlockedBySafety, GeminiOverloaded, GeminiQuota, Internal, InvalidRequest};
    let pair = Pair::start().await;
    let table = [
        (json!({"kind": "error", "status": 503}), GeminiOverloaded, true, None),
        (json!({"kind": "error", "status": 500}), GeminiOverloaded, true, None),
        (json!({"kind": "error", "status": 504}), GeminiOverloaded, true, None),
        (json!({"kind": "error", "status": 400}), InvalidRequest, false, None),
        (json!({"kind": "error", "status": 403}), Internal, false, None),
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
        (json!({"kind": "blocked_answer", "reason": "OTHER"}), GeminiOverloaded, true, None),
        (json!({"kind": "cut"}), GeminiOverloaded, true, None),
        (json!({"kind": "garbage"}), GeminiOverloaded, true, None),
        (json!({"kind": "answer", "text": "", "finish_reason": "MAX_TOKENS"}), Internal, false, None),
        (json!({"kind": "answer", "text": "", "finish_reason": "STOP"}), GeminiOverloaded, true, None),
    ];
    for (step, code, passing, delay_ms) in table {
        pair.script(&step).await;
        let error = pair.ask(&prompt("hi")).await.unwrap_err();
        assert_eq!((error.error_code(), error.is_passing()), (code, passing), "{step}: {error}");
        assert_eq!(error.retry_delay(), delay_ms.map(Duration::from_millis), "{step}: {error}");
    }
    assert!(pair.ask(&prompt("hi")).await.is_ok());
}

#[tokio::test]
async fn a_connection_cut_in_the_middle_is_not_garbage() {
    let pair = Pair::start().await;
    pair.script(&json!({"kind": "cut"})).await;
    let error = pair.ask(&prompt("hi")).await.unwrap_err();
    assert!(matches!(error, GenerateError::Cut { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_slow_to_begin_or_to_end_runs_out_of_time() {
    let pair = Pair::start().await;
    for kind in ["answer", "slow"] {
        pair.script(&json!({"kind": kind, "delay_ms": 60_000})).await;
        let error = pair.ask_within(Duration::from_millis(300), "key", &prompt("hi")).await.unwrap_err();
        assert_eq!(error, GenerateError::Timeout);
        assert_eq!((error.error_code(), error.is_passing()), (ErrorCode::Timeout, true));
    }
    let log = pair.calls().await;
    assert_eq!((&log["calls"][0]["step"], &log["calls"][0]["status"]), (&json!("answer"), &Value::Null));
    pair.control("latency", &json!({"ms": 60_000})).await;
    let late = pair.ask_within(Duration::from_millis(300), "key", &prompt("hi")).await;
    assert_eq!(late, Err(GenerateError::Timeout));
}

#[tokio::test]
async fn a_slow_answer_is_whole_if_it_is_awaited() {
    let pair = Pair::start().await;
    pair.script(&json!({"kind": "slow", "delay_ms": 20})).await;
    assert!(pair.ask(&prompt("hi")).await.unwrap().text.ends_with("\"Be kind.\"."));
}

#[tokio::test]
async fn a_wrong_key_and_an_absent_model_are_told_apart() {
    let pair = Pair::start().await;
    let refused = pair.ask_within(Duration::from_secs(20), "invalid-key", &prompt("hi")).await.unwrap_err();
    let reason = "API_KEY_INVALID".to_owned();
    assert_eq!(refused, GenerateError::KeyRefused { status: 400, reason });
    let absent = Prompt { model: "gemini-1.5-pro".to_owned(), ..prompt("hi") };
    let model = "gemini-1.5-pro".to_owned();
    assert_eq!(pair.ask(&absent).await, Err(GenerateError::ModelAbsent { model }));
    let nothing = Prompt { turns: Vec::new(), ..prompt("hi") };
    assert_eq!(pair.ask(&nothing).await.unwrap_err().error_code(), ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn an_answer_cut_at_its_tokens_is_an_answer() {
    let pair = Pair::start().await;
    let short = Prompt { max_output_tokens: 4, ..prompt("hi") };
    let answer = pair.ask(&short).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.finish_reason), ("This is the loca", FinishReason::MaxTokens));
}
