//! Reads the body of a control call field by field, so that a wrong one can be named by its path.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Map, Value};

/// The longest delay that may be asked for, in milliseconds: ten minutes.
const MAX_MILLIS: u64 = 600_000;

/// The statuses that a step of kind `error` may have.
const ERROR_STATUSES: [u16; 6] = [400, 403, 404, 500, 503, 504];

/// A field of a control call that makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FieldError {
    /// Its path, such as `steps[0].kind`; empty for the whole body.
    pub(super) field: String,
    /// What is wrong, to be read after the path.
    pub(super) problem: String,
}

/// The fields of an object, taken one by one; what is left at the end is unknown.
pub(super) struct Fields {
    path: String,
    left: Map<String, Value>,
}

impl Fields {
    pub(super) fn new(value: Value, path: &str) -> Result<Self, FieldError> {
        match value {
            Value::Object(left) => Ok(Self { path: path.to_owned(), left }),
            _ => Err(FieldError { field: path.to_owned(), problem: "must be an object".to_owned() }),
        }
    }

    pub(super) fn error(&self, name: &str, problem: &str) -> FieldError {
        let field = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        FieldError { field, problem: problem.to_owned() }
    }

    /// Refuses what was not taken.
    pub(super) fn finish(self) -> Result<(), FieldError> {
        match self.left.keys().next() {
            Some(name) => Err(self.error(name, "is not known here")),
            None => Ok(()),
        }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, FieldError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.error(name, "must be a string")),
        }
    }

    pub(super) fn text_or(&mut self, name: &str, default: &str) -> Result<String, FieldError> {
        Ok(self.text(name)?.unwrap_or_else(|| default.to_owned()))
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, FieldError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(self.error(name, "must be true or false")),
        }
    }

    pub(super) fn number(&mut self, name: &str) -> Result<Option<u64>, FieldError> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => {
                value.as_u64().map(Some).ok_or_else(|| self.error(name, "must be a whole number from 0"))
            }
        }
    }

    /// Milliseconds, at most ten minutes of them.
    pub(super) fn millis(&mut self, name: &str) -> Result<Option<Duration>, FieldError> {
        match self.number(name)? {
            Some(millis) if millis > MAX_MILLIS => Err(self.error(name, "must be at most 600000")),
            millis => Ok(millis.map(Duration::from_millis)),
        }
    }

    /// A duration as protobuf writes it, such as `2s` or `1.5s`.
    pub(super) fn seconds(&mut self, name: &str) -> Result<Option<String>, FieldError> {
        let text = self.text(name)?;
        let is_duration = |text: &String| {
            text.strip_suffix('s').is_some_and(|n| n.parse().is_ok_and(|n: f64| n.is_finite() && n >= 0.0))
        };
        match text {
            Some(text) if !is_duration(&text) => {
                Err(self.error(name, "must be seconds such as \"2s\" or \"1.5s\""))
            }
            text => Ok(text),
        }
    }

    pub(super) fn status(&mut self) -> Result<StatusCode, FieldError> {
        let number = self.number("status")?.and_then(|number| u16::try_from(number).ok());
        number
            .filter(|number| ERROR_STATUSES.contains(number))
            .and_then(|number| StatusCode::from_u16(number).ok())
            .ok_or_else(|| self.error("status", "must be one of 400, 403, 404, 500, 503, 504"))
    }
}
