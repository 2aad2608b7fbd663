//! Reads bodies of the control API. An error names the field that is wrong.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use serde_path_to_error::Segment;

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
