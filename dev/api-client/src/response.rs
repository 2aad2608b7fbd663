//! A response. `expect...` and `text` fail a test by panicking; `ensure` and `string_at` return
//! errors.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use anyhow::{Context as _, Result};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

#[derive(Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The body: parsed where it is JSON, `null` where it is empty, a string otherwise.
    pub body: Value,
}

impl Display for Response {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.status, self.body)
    }
}

impl Response {
    pub fn new(status: StatusCode, headers: HeaderMap, body: &[u8]) -> Result<Self> {
        let content_type = headers.get("content-type").and_then(|value| value.to_str().ok());
        let body = match content_type {
            _ if body.is_empty() => Value::Null,
            Some(kind) if !kind.ends_with("json") || kind.ends_with("ndjson") => {
                Value::String(std::str::from_utf8(body).context("the body is not UTF-8")?.to_owned())
            }
            _ => serde_json::from_slice(body).context("the body is not JSON")?,
        };
        Ok(Self { status, headers, body })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn ensure(self, expected: u16) -> Result<Self> {
        anyhow::ensure!(self.status == expected, "not {expected}: {self}");
        Ok(self)
    }

    /// The string at `pointer` (RFC 6901) in the body.
    pub fn string_at(&self, pointer: &str) -> Result<String> {
        let text = self.body.pointer(pointer).and_then(Value::as_str);
        Ok(text.with_context(|| format!("no text at {pointer} in {}", self.body))?.to_owned())
    }

    #[track_caller]
    pub fn expect(self, expected: u16) -> Self {
        assert_eq!(self.status.as_u16(), expected, "{}", self.body);
        self
    }

    #[track_caller]
    pub fn text(&self, pointer: &str) -> String {
        self.string_at(pointer).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Fails the test unless this is a complete problem document with this status and code.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        let response = self.expect(status);
        let body = &response.body;
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
        assert_eq!((&body["code"], &body["status"]), (&json!(code), &json!(status)), "{body}");
        assert_eq!((&body["success"], &body["message"]), (&json!(false), &body["detail"]), "{body}");
        for member in ["type", "title", "detail", "request_id"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {body}");
        }
        response
    }

    /// Fails the test unless this is a 400 whose `errors` name exactly `fields`.
    #[track_caller]
    pub fn expect_invalid(self, fields: &[&str]) {
        let response = self.expect_problem(400, "validation_failed");
        let errors = response.body["errors"].as_array().unwrap_or_else(|| panic!("{}", response.body));
        let named: BTreeSet<&str> = errors
            .iter()
            .map(|error| error.as_str().and_then(|text| text.split(':').next()))
            .map(Option::unwrap_or_default)
            .collect();
        assert_eq!(named, fields.iter().copied().collect(), "{}", response.body);
    }
}
