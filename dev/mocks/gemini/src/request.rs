//! Reads and validates a request as Google does.

use axum::http::HeaderMap;
use serde_json::Value;

use super::error::GeminiError;
use super::generation;
use super::models::Model;
use super::schema::{self, elements, field};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Generate,
    Stream,
    CountTokens,
}

impl Method {
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Generate, Self::Stream, Self::CountTokens].into_iter().find(|method| method.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Generate => "generateContent",
            Self::Stream => "streamGenerateContent",
            Self::CountTokens => "countTokens",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::Generate | Self::Stream => "GenerateContentRequest",
            Self::CountTokens => "CountTokensRequest",
        }
    }
}

#[derive(Debug, Default)]
pub struct ModelRequest {
    /// Oldest first.
    pub turns: Vec<Turn>,
    pub system_instruction: Option<String>,
    pub max_output_tokens: Option<usize>,
    pub thinking_level: Option<String>,
}

#[derive(Debug)]
pub struct Turn {
    pub is_user: bool,
    pub text: String,
}

impl ModelRequest {
    pub fn user_texts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.turns.iter().filter(|turn| turn.is_user).map(|turn| turn.text.as_str())
    }

    pub fn last_user_text(&self) -> &str {
        self.user_texts().next_back().unwrap_or_default()
    }
}

pub fn check_key(headers: &HeaderMap) -> Result<(), GeminiError> {
    match headers.get("x-goog-api-key").map(|key| key.as_bytes().trim_ascii()) {
        None | Some(b"") => Err(GeminiError::key_missing()),
        Some(key) if key.starts_with(b"invalid") => Err(GeminiError::key_invalid()),
        Some(_) => Ok(()),
    }
}

pub fn check_model(model: &str, method: &str) -> Result<(), GeminiError> {
    find_model(model, method).map(|_| ())
}

fn find_model(model: &str, method: &str) -> Result<&'static Model, GeminiError> {
    Model::find(model).ok_or_else(|| GeminiError::model_not_found(model, method))
}

/// Reads the body of a call. Google validates the protobuf message first, then the model, then the
/// contents.
pub fn read(method: Method, model: &str, body: &[u8]) -> Result<ModelRequest, GeminiError> {
    let json = parse(body)?;
    let violations = schema::violations(method.message(), &json);
    if !violations.is_empty() {
        return Err(GeminiError::invalid_fields(violations));
    }
    let model = find_model(model, method.name())?;
    let request = match method {
        Method::CountTokens => field(&json, "generate_content_request").unwrap_or(&json),
        Method::Generate | Method::Stream => &json,
    };
    check_contents(method.message(), request)?;
    generation::check_safety_settings(request)?;
    Ok(ModelRequest {
        turns: elements(request, "contents").iter().map(turn).collect(),
        system_instruction: field(request, "system_instruction").map(text_of).filter(|text| !text.is_empty()),
        max_output_tokens: generation::max_output_tokens(request)?,
        thinking_level: generation::thinking_level(request, model)?,
    })
}

fn parse(body: &[u8]) -> Result<Value, GeminiError> {
    if body.trim_ascii().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_slice(body).map_err(|_| {
        let start: String = String::from_utf8_lossy(body).chars().take(60).collect();
        GeminiError::invalid_argument(format!("Invalid JSON payload received. Unexpected token.\n{start}\n^"))
    })
}

fn check_contents(message: &str, request: &Value) -> Result<(), GeminiError> {
    let contents = elements(request, "contents");
    let mut problems = Vec::new();
    let mut report =
        |path: &str, problem: &str| problems.push(format!("* {message}.contents{path}: {problem}\n"));
    if contents.is_empty() {
        report("", "contents is not specified");
    }
    for (index, content) in contents.iter().enumerate() {
        let parts = elements(content, "parts");
        if parts.is_empty() {
            report(&format!("[{index}].parts"), "contents.parts must not be empty.");
        }
        for (part, _) in parts.iter().enumerate().filter(|(_, part)| !schema::has_data(part)) {
            let problem = "required oneof field 'data' must have one initialized field";
            report(&format!("[{index}].parts[{part}].data"), problem);
        }
    }
    if !problems.is_empty() {
        return Err(GeminiError::invalid_argument(problems.concat()));
    }
    let role =
        |content: &Value| field(content, "role").and_then(Value::as_str).unwrap_or_default().to_owned();
    if contents.iter().map(role).any(|role| !matches!(role.as_str(), "" | "user" | "model")) {
        return Err(GeminiError::invalid_argument("Please use a valid role: user, model."));
    }
    if message == "GenerateContentRequest" && contents.last().is_some_and(|last| role(last) == "model") {
        return Err(GeminiError::invalid_argument(
            "Please ensure that single turn requests end with a user role or the role field is empty.",
        ));
    }
    Ok(())
}

fn turn(content: &Value) -> Turn {
    Turn { is_user: field(content, "role").and_then(Value::as_str) != Some("model"), text: text_of(content) }
}

fn text_of(content: &Value) -> String {
    elements(content, "parts").iter().filter_map(|part| field(part, "text")?.as_str()).collect()
}
