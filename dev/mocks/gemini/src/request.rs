//! Reads a request, checking it as Google does.

use axum::http::HeaderMap;
use serde_json::Value;

use super::MODELS;
use super::error::VendorError;
use super::messages::{self, Message};
use super::schema::{self, elements, field};

/// The methods of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Generate,
    Stream,
    CountTokens,
}

impl Method {
    /// The method of a name in the path, such as `generateContent`.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Generate, Self::Stream, Self::CountTokens].into_iter().find(|method| method.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Generate => "generateContent",
            Self::Stream => "streamGenerateContent",
            Self::CountTokens => "countTokens",
        }
    }

    fn message(self) -> &'static Message {
        match self {
            Self::Generate | Self::Stream => &messages::GENERATE_CONTENT,
            Self::CountTokens => &messages::COUNT_TOKENS,
        }
    }
}

/// What was asked.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The turns, oldest first.
    pub(super) turns: Vec<Turn>,
    pub(super) system_instruction: Option<String>,
    pub(super) max_output_tokens: Option<usize>,
}

#[derive(Debug)]
pub(super) struct Turn {
    pub(super) is_user: bool,
    pub(super) text: String,
}

impl Asked {
    /// The texts of the person, oldest first.
    pub(super) fn user_texts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.turns.iter().filter(|turn| turn.is_user).map(|turn| turn.text.as_str())
    }

    /// What the person said last, empty when nothing.
    pub(super) fn last_user_text(&self) -> &str {
        self.user_texts().next_back().unwrap_or_default()
    }
}

/// Whether the call comes with a key: none is a 403, a wrong one a 400.
pub(super) fn check_key(headers: &HeaderMap) -> Result<(), VendorError> {
    match headers.get("x-goog-api-key").map(|key| key.as_bytes().trim_ascii()) {
        None | Some(b"") => Err(VendorError::key_missing()),
        Some(key) if key.starts_with(b"invalid") => Err(VendorError::key_invalid()),
        Some(_) => Ok(()),
    }
}

/// Whether there is such a model.
pub(super) fn check_model(model: &str, method: &str) -> Result<(), VendorError> {
    if MODELS.contains(&model) { Ok(()) } else { Err(VendorError::model_not_found(model, method)) }
}

/// Reads the body of a call: first as protobuf reads JSON, then the model, then what the service itself demands.
pub(super) fn read(method: Method, model: &str, body: &[u8]) -> Result<Asked, VendorError> {
    let json = parse(body)?;
    let violations = schema::violations(method.message(), &json);
    if !violations.is_empty() {
        return Err(VendorError::bad_fields(violations));
    }
    check_model(model, method.name())?;
    let request = match method {
        Method::CountTokens => field(&json, "generate_content_request").unwrap_or(&json),
        Method::Generate | Method::Stream => &json,
    };
    demand_contents(method.message().name, request)?;
    Ok(Asked {
        turns: elements(request, "contents").iter().map(turn).collect(),
        system_instruction: field(request, "system_instruction").map(text_of).filter(|text| !text.is_empty()),
        max_output_tokens: max_output_tokens(request)?,
    })
}

fn parse(body: &[u8]) -> Result<Value, VendorError> {
    if body.trim_ascii().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_slice(body).map_err(|_| {
        let start: String = String::from_utf8_lossy(body).chars().take(60).collect();
        VendorError::invalid_argument(format!("Invalid JSON payload received. Unexpected token.\n{start}\n^"))
    })
}

fn demand_contents(message: &str, request: &Value) -> Result<(), VendorError> {
    let contents = elements(request, "contents");
    let mut complaints = Vec::new();
    let mut complain =
        |place: &str, what: &str| complaints.push(format!("* {message}.contents{place}: {what}\n"));
    if contents.is_empty() {
        complain("", "contents is not specified");
    }
    for (index, content) in contents.iter().enumerate() {
        let parts = elements(content, "parts");
        if parts.is_empty() {
            complain(&format!("[{index}].parts"), "contents.parts must not be empty.");
        }
        for (part, _) in parts.iter().enumerate().filter(|(_, part)| !schema::has_data(part)) {
            let what = "required oneof field 'data' must have one initialized field";
            complain(&format!("[{index}].parts[{part}].data"), what);
        }
    }
    if !complaints.is_empty() {
        return Err(VendorError::invalid_argument(complaints.concat()));
    }
    let role =
        |content: &Value| field(content, "role").and_then(Value::as_str).unwrap_or_default().to_owned();
    if contents.iter().map(role).any(|role| !matches!(role.as_str(), "" | "user" | "model")) {
        return Err(VendorError::invalid_argument("Please use a valid role: user, model."));
    }
    Ok(())
}

fn max_output_tokens(request: &Value) -> Result<Option<usize>, VendorError> {
    let Some(value) =
        field(request, "generation_config").and_then(|config| field(config, "max_output_tokens"))
    else {
        return Ok(None);
    };
    let tokens = value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default();
    match usize::try_from(tokens) {
        Ok(tokens) if tokens > 0 => Ok(Some(tokens)),
        _ => Err(VendorError::invalid_argument(
            "* GenerateContentRequest.generation_config.max_output_tokens: max_output_tokens must be positive.\n",
        )),
    }
}

fn turn(content: &Value) -> Turn {
    Turn { is_user: field(content, "role").and_then(Value::as_str) != Some("model"), text: text_of(content) }
}

fn text_of(content: &Value) -> String {
    elements(content, "parts").iter().filter_map(|part| field(part, "text")?.as_str()).collect()
}
