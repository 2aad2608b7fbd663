//! The client against a mock server: answers, errors and network failures.

mod answers;
mod errors;
mod mock_server;
mod network;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

/// Longer than any call takes.
const TIME_LIMIT: Duration = Duration::from_mins(2);
const KEY: &str = "AIza-very-secret-key";
const SECRET_TEXT: &str = "where do I bury the treasure";

fn gemini_at(base_url: &str, timeout: Duration) -> Gemini {
    Gemini::new(config(base_url, KEY, timeout)).unwrap()
}

fn config(base_url: &str, key: &str, timeout: Duration) -> GeminiConfig {
    let safety_settings = vec!["HARM_CATEGORY_HARASSMENT=BLOCK_ONLY_HIGH".parse().unwrap()];
    let (base_url, api_key) = (base_url.to_owned(), key.into());
    GeminiConfig { base_url, api_key, first_chunk_timeout: timeout, stall_timeout: timeout, safety_settings }
}

impl Gemini {
    /// Calls the model without following the call.
    async fn generate_unobserved(&self, prompt: &Prompt) -> Result<Answer, GenerateError> {
        self.generate(prompt, TIME_LIMIT, &Observer::new(&|_| {}, watch::channel(false).1)).await
    }
}

fn prompt() -> Prompt {
    let turn = |role, text: &str| Turn { role, text: text.to_owned() };
    Prompt {
        model: "gemini-3.5-flash".to_owned(),
        system_instruction: Some("Be brief.".to_owned()),
        turns: vec![turn(Role::User, "hello"), turn(Role::Model, "hi"), turn(Role::User, SECRET_TEXT)],
        max_output_tokens: 500,
        thinking_tokens: 1_000,
        thinking_level: Some(ThinkingLevel::Low),
    }
}

async fn call_server(response: ResponseTemplate) -> Result<Answer, GenerateError> {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(response).mount(&server).await;
    gemini_at(&server.uri(), Duration::from_secs(20)).generate_unobserved(&prompt()).await
}

async fn call_with_reply(reply: Value) -> Result<Answer, GenerateError> {
    call_server(ResponseTemplate::new(200).set_body_json(reply)).await
}

async fn call_for_error(status: u16, error: Value) -> GenerateError {
    call_server(ResponseTemplate::new(status).set_body_json(error)).await.unwrap_err()
}

fn reply(text: &str, finish_reason: &str) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish_reason}]})
}

#[test]
fn debug_output_hides_key_and_text() {
    let config = config("http://u:pass@h", KEY, Duration::ZERO);
    let answer = Answer {
        text: SECRET_TEXT.to_owned(),
        model: "m".to_owned(),
        finish_reason: FinishReason::Stop,
        usage: TokenUsage::default(),
    };
    let shown = format!("{config:?} {answer:?} {:?}", prompt());
    let shown = format!("{shown} {:?}", Gemini::new(config).unwrap());
    for secret in [KEY, "pass", "treasure", "brief"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn invalid_settings_are_rejected() {
    let build = |base_url: &str, key: &str| Gemini::new(config(base_url, key, Duration::from_secs(1)));
    for base_url in ["", "generativelanguage.googleapis.com", "ftp://host", "data:text/plain,x"] {
        assert!(matches!(build(base_url, KEY), Err(GeminiSetupError::BaseUrl)), "{base_url}");
    }
    for key in ["", "  ", "a\nb"] {
        let error = build("https://host", key).unwrap_err();
        assert!(matches!(error, GeminiSetupError::ApiKey), "{key:?}");
    }
    assert!(build("https://host/prefix/", "key ").is_ok());
}
