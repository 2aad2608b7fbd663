//! The kinds of scripted responses.
//!
//! | kind | fields, optional unless marked required | response |
//! |---|---|---|
//! | `answer` | see below | an answer |
//! | `error` | `status` (required, 400 to 599), `message`, `details` (a list), `array` | this error, in Google's words unless `message` is given |
//! | `rate_limited` | `retry_delay` ("2s"), `per_day`, `details` (true), `array` | a 429; `RetryInfo` only with `retry_delay`, a message alone with `"details": false` |
//! | `blocked_prompt` | `reason` (`PROHIBITED_CONTENT`) | a 200 without candidates |
//! | `blocked_answer` | `reason` (`SAFETY`) | a candidate without content |
//! | `raw` | `body` (required), `status` (200), `headers` (an object of strings) | this body, byte for byte, as JSON unless `headers` has a `content-type` |
//! | `cut` | `after_bytes`, `clean` | the start of an answer, half of it by default, then the connection is closed; with `"clean": true` the response ends as if it were complete |
//! | `slow` | `delay_ms` (required), `after_bytes` | the start of an answer, the rest after the delay |
//! | `chunks` | `chunks` (required, a list), `error` | a stream of these JSON values, then an event with this error |
//! | `garbage` | | a 200 that is not JSON |
//!
//! Fields of `answer`, all optional: `text`; `delay_ms`, the time before the answer;
//! `duration_ms`, over which a stream sends its chunks at even intervals; `finish_reason`;
//! `thoughts`, the tokens spent on thoughts; `model_version`; `parts`, any JSON in
//! place of the text part; `more_candidates`, a list that follows the first candidate; `usage`, any
//! JSON in place of `usageMetadata`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::control_body::{FieldError, millis, read};

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerStep {
    pub text: Option<String>,
    #[serde(rename = "delay_ms", default, deserialize_with = "millis")]
    pub delay: Duration,
    #[serde(rename = "duration_ms", default, deserialize_with = "millis")]
    pub duration: Duration,
    pub finish_reason: Option<String>,
    /// Tokens spent on thoughts.
    pub thoughts: Option<usize>,
    pub parts: Option<Value>,
    #[serde(default)]
    pub more_candidates: Vec<Value>,
    pub usage: Option<Value>,
    pub model_version: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ScriptStep {
    Answer(AnswerStep),
    Error {
        #[serde(deserialize_with = "error_status")]
        status: StatusCode,
        message: Option<String>,
        #[serde(default)]
        details: Vec<Value>,
        #[serde(default)]
        array: bool,
    },
    Raw {
        body: String,
        #[serde(default, deserialize_with = "status")]
        status: StatusCode,
        #[serde(default, deserialize_with = "headers")]
        headers: HeaderMap,
    },
    RateLimited {
        #[serde(default, deserialize_with = "protobuf_duration")]
        retry_delay: Option<String>,
        #[serde(default)]
        per_day: bool,
        details: Option<bool>,
        #[serde(default)]
        array: bool,
    },
    BlockedPrompt {
        reason: Option<String>,
    },
    BlockedAnswer {
        reason: Option<String>,
    },
    Cut {
        after_bytes: Option<usize>,
        #[serde(default)]
        clean: bool,
    },
    Slow {
        #[serde(rename = "delay_ms", deserialize_with = "millis")]
        delay: Duration,
        after_bytes: Option<usize>,
    },
    Chunks {
        chunks: Vec<Value>,
        #[serde(default, deserialize_with = "optional_error_status")]
        error: Option<StatusCode>,
    },
    Garbage {},
}

fn error_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StatusCode, D::Error> {
    let status = status(deserializer)?;
    let is_error = status.is_client_error() || status.is_server_error();
    if is_error { Ok(status) } else { Err(D::Error::custom("must be between 400 and 599")) }
}

fn optional_error_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<StatusCode>, D::Error> {
    error_status(deserializer).map(Some)
}

fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StatusCode, D::Error> {
    let status = u16::deserialize(deserializer)?;
    let status = StatusCode::from_u16(status).ok().filter(|status| !status.is_informational());
    status.ok_or_else(|| D::Error::custom("must be a final HTTP status"))
}

fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderMap, D::Error> {
    let header = |(name, value): (String, String)| {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(D::Error::custom)?;
        Ok((name, HeaderValue::from_str(&value).map_err(D::Error::custom)?))
    };
    BTreeMap::deserialize(deserializer)?.into_iter().map(header).collect()
}

/// A duration as protobuf writes it, such as `2s` or `1.5s`.
fn protobuf_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let seconds =
        |text: &str| text.strip_suffix('s')?.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0);
    match text {
        Some(text) if seconds(&text).is_none() => {
            Err(D::Error::custom("must be seconds such as \"2s\" or \"1.5s\""))
        }
        text => Ok(text),
    }
}

impl ScriptStep {
    /// A normal answer, without a script.
    pub fn plain() -> Self {
        Self::Answer(AnswerStep::default())
    }

    pub fn read(mut step: Value, path: &str) -> Result<(String, Self), FieldError> {
        let Some(fields) = step.as_object_mut() else {
            return Err(FieldError::new(path, "must be an object"));
        };
        let Some(Value::String(kind)) = fields.remove("kind") else {
            return Err(FieldError::new(&format!("{path}.kind"), "must be a string"));
        };
        // serde keeps the path of an invalid field in an externally tagged enum only.
        let read = read(json!({ &kind: step }), path)?;
        Ok((kind, read))
    }
}
