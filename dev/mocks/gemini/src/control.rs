//! The control API, see the table in `lib.rs`.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::MockGemini;
use super::control_body::{FieldError, millis, read};
use super::quota::{Limit, Quota};
use super::script::Script;

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
