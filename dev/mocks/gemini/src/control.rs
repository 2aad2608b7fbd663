//! The control calls, see the module's table.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::StandIn;
use super::fields::{FieldError, Fields};
use super::quota::Limit;
use super::script::Script;

impl IntoResponse for FieldError {
    fn into_response(self) -> Response {
        let subject = if self.field.is_empty() { "the body" } else { &self.field };
        let body = json!({"error": format!("{subject} {}", self.problem), "field": self.field});
        (StatusCode::BAD_REQUEST, Json(body)).into_response()
    }
}

/// `POST /_control/script`
pub(super) async fn add_script(
    State(stand_in): State<StandIn>,
    body: Bytes,
) -> Result<Json<Value>, FieldError> {
    let script = Script::read(parse(&body)?)?;
    let mut memory = stand_in.memory();
    memory.scripts.add(script);
    Ok(Json(json!({"scripts": memory.scripts.len()})))
}

/// `DELETE /_control/script`
pub(super) async fn clear_scripts(State(stand_in): State<StandIn>) -> StatusCode {
    stand_in.memory().scripts.clear();
    StatusCode::NO_CONTENT
}

/// `GET /_control/calls`
pub(super) async fn list_calls(State(stand_in): State<StandIn>) -> Response {
    let memory = stand_in.memory();
    let mut answer = json!(&memory.calls);
    answer["over"] = memory.quota.over().into();
    Json(answer).into_response()
}

/// `DELETE /_control/calls`
pub(super) async fn clear_calls(State(stand_in): State<StandIn>) -> StatusCode {
    stand_in.memory().calls.clear();
    StatusCode::NO_CONTENT
}

/// `POST /_control/latency`
pub(super) async fn set_latency(
    State(stand_in): State<StandIn>,
    body: Bytes,
) -> Result<Json<Value>, FieldError> {
    let mut fields = Fields::new(parse(&body)?, "")?;
    let latency = fields.millis("ms")?;
    fields.finish()?;
    let needed = || FieldError { field: "ms".to_owned(), problem: "is needed".to_owned() };
    let latency = latency.ok_or_else(needed)?;
    stand_in.memory().latency = latency;
    Ok(Json(json!({"ms": u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)})))
}

/// `POST /_control/quota`
pub(super) async fn set_quota(
    State(stand_in): State<StandIn>,
    body: Bytes,
) -> Result<StatusCode, FieldError> {
    let mut fields = Fields::new(parse(&body)?, "")?;
    let (requests, tokens) = (fields.number("requests_per_minute")?, fields.number("tokens_per_minute")?);
    fields.finish()?;
    let limit = |number: Option<u64>| number.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
    let limited = requests.or(tokens).is_some();
    let limit = limited.then(|| Limit { requests: limit(requests), tokens: limit(tokens) });
    stand_in.memory().quota.set(limit);
    Ok(StatusCode::NO_CONTENT)
}

fn parse(body: &[u8]) -> Result<Value, FieldError> {
    serde_json::from_slice(body)
        .map_err(|error| FieldError { field: String::new(), problem: format!("is not JSON: {error}") })
}
