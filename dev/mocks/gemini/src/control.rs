//! The control API, see the table in `lib.rs`.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use serde_path_to_error::Segment;

use super::MockGemini;
use super::quota::{Limit, Quota};
use super::script::Script;

/// The longest delay that a control call can set, in milliseconds: ten minutes.
const MAX_MILLIS: u64 = 600_000;

#[derive(Debug)]
pub struct FieldError {
    /// The field's path, such as `steps[0].kind`; empty for the whole body.
    pub field: String,
    pub problem: String,
}

impl FieldError {
    pub fn new(field: &str, problem: &str) -> Self {
        Self { field: field.to_owned(), problem: problem.to_owned() }
    }
}

impl IntoResponse for FieldError {
    fn into_response(self) -> Response {
        let subject = if self.field.is_empty() { "the body" } else { &self.field };
        let body = json!({"error": format!("{subject}: {}", self.problem), "field": self.field});
        (StatusCode::BAD_REQUEST, Json(body)).into_response()
    }
}

/// Deserializes the part of a body at `path`.
pub fn read<T: DeserializeOwned>(value: Value, path: &str) -> Result<T, FieldError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let mut field = path.to_owned();
        for segment in error.path() {
            match segment {
                Segment::Map { key } => push(&mut field, key),
                Segment::Seq { index } => field = format!("{field}[{index}]"),
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        let problem = error.inner().to_string();
        if problem.starts_with("unknown variant") {
            push(&mut field, "kind");
        } else if let Some(name) = problem.strip_prefix("missing field `") {
            push(&mut field, name.trim_end_matches('`'));
        }
        FieldError { field, problem }
    })
}

fn push(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

pub fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let millis = u64::deserialize(deserializer)?;
    if millis > MAX_MILLIS {
        return Err(D::Error::custom(format!("must be at most {MAX_MILLIS}")));
    }
    Ok(Duration::from_millis(millis))
}

pub async fn add_script(State(mock): State<MockGemini>, body: Bytes) -> Result<Json<Value>, FieldError> {
    let script = Script::read(parse(&body)?)?;
    let mut state = mock.state();
    state.scripts.push(script);
    Ok(Json(json!({"scripts": state.scripts.len()})))
}

pub async fn clear_scripts(State(mock): State<MockGemini>) -> StatusCode {
    mock.state().scripts.clear();
    StatusCode::NO_CONTENT
}

pub async fn list_calls(State(mock): State<MockGemini>) -> Json<Value> {
    let state = mock.state();
    let mut log = json!(&state.calls);
    log["over_quota"] = state.quota.rejected.into();
    Json(log)
}

pub async fn clear_calls(State(mock): State<MockGemini>) -> StatusCode {
    mock.state().calls.clear();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Latency {
    #[serde(deserialize_with = "millis")]
    ms: Duration,
}

pub async fn set_latency(State(mock): State<MockGemini>, body: Bytes) -> Result<Json<Value>, FieldError> {
    let body = parse(&body)?;
    let latency: Latency = read(body.clone(), "")?;
    mock.state().latency = latency.ms;
    Ok(Json(body))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaBody {
    requests_per_minute: Option<usize>,
    tokens_per_minute: Option<usize>,
}

pub async fn set_quota(State(mock): State<MockGemini>, body: Bytes) -> Result<StatusCode, FieldError> {
    let QuotaBody { requests_per_minute: requests, tokens_per_minute: tokens } = read(parse(&body)?, "")?;
    let limit = requests
        .or(tokens)
        .map(|_| Limit { requests: requests.unwrap_or(usize::MAX), tokens: tokens.unwrap_or(usize::MAX) });
    mock.state().quota = Quota::new(limit);
    Ok(StatusCode::NO_CONTENT)
}

fn parse(body: &[u8]) -> Result<Value, FieldError> {
    serde_json::from_slice(body).map_err(|error| FieldError::new("", &format!("is not JSON: {error}")))
}
