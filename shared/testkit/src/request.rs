//! Requests, made as API Gateway makes them: an event of payload format 2.0, read by the Lambda runtime's own code.

use std::collections::BTreeSet;
use std::path::PathBuf;

use http_body_util::BodyExt;
use lambda_http::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{Person, TestApp};

/// The event in `events/{name}.json`.
#[must_use]
pub fn event(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../../events/{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("events/{name}.json: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("events/{name}.json: {error}"))
}

/// A request in the making.
pub struct RequestBuilder<'a> {
    app: &'a TestApp,
    event: Value,
}

impl<'a> RequestBuilder<'a> {
    pub(crate) fn new(app: &'a TestApp, method: &str, path: &str) -> Self {
        let mut event = event("site-health");
        let (raw_path, query) = path.split_once('?').unwrap_or((path, ""));
        event["rawPath"] = json!(raw_path);
        event["rawQueryString"] = json!(query);
        event["requestContext"]["http"]["method"] = json!(method);
        event["requestContext"]["http"]["path"] = json!(raw_path);
        Self::of_event(app, event)
    }

    fn of_event(app: &'a TestApp, mut event: Value) -> Self {
        event["requestContext"]["http"]["sourceIp"] = json!(app.address);
        Self { app, event }
    }

    /// Adds a header; its name in lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.event["headers"][name] = json!(value);
        self
    }

    /// Adds a token.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Asks in the name of `person`.
    #[must_use]
    pub fn by(self, person: &Person) -> Self {
        self.token(&person.token)
    }

    /// Adds a JSON body.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "callers write json!(...) here")]
    pub fn json(self, body: Value) -> Self {
        self.body(&body.to_string()).header("content-type", "application/json")
    }

    /// Adds a body as it is.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        self.event["body"] = json!(body);
        self
    }

    /// Sends the request.
    pub async fn send(self) -> Answer {
        let request = lambda_http::request::from_str(&self.event.to_string()).expect("the event can be read");
        let response = self.app.service.clone().oneshot(request).await.expect("the service is infallible");
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.expect("the body can be read").to_bytes();
        let content_type = head.headers.get("content-type").and_then(|value| value.to_str().ok());
        let body = match content_type {
            _ if bytes.is_empty() => Value::Null,
            Some(kind) if !kind.ends_with("json") || kind.ends_with("ndjson") => {
                Value::String(String::from_utf8(bytes.to_vec()).expect("text"))
            }
            _ => serde_json::from_slice(&bytes).expect("JSON"),
        };
        Answer { status: head.status, headers: head.headers, body }
    }
}

impl TestApp {
    /// The request in `events/{name}.json`, with `person`'s token and with `id` in place of the id in its path.
    #[must_use]
    pub fn event(&self, name: &str, person: Option<&Person>, id: Option<&str>) -> RequestBuilder<'_> {
        let mut text = event(name).to_string();
        if let Some(id) = id {
            text = text.replace("018f0000-0000-7000-8000-000000000001", id);
        }
        if let Some(person) = person {
            text = text.replace("{{token}}", &person.token);
        }
        RequestBuilder::of_event(self, serde_json::from_str(&text).expect("the event can be read"))
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, `null` where there is none, text as it is where it is not JSON.
    pub body: Value,
}

impl Answer {
    /// Fails the test unless the status is `expected`.
    #[track_caller]
    #[must_use]
    pub fn expect(self, expected: u16) -> Self {
        assert_eq!(self.status.as_u16(), expected, "{}", self.body);
        self
    }

    /// Fails the test unless this is a whole problem document with the given status and code.
    #[track_caller]
    #[must_use]
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        let body = &answer.body;
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!((&body["code"], &body["status"]), (&json!(code), &json!(status)), "{body}");
        assert_eq!((&body["success"], &body["message"]), (&json!(false), &body["detail"]), "{body}");
        for member in ["type", "title", "detail", "request_id"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {body}");
        }
        answer
    }

    /// Fails the test unless this is a 400 whose `errors` name exactly `fields`.
    #[track_caller]
    pub fn expect_invalid(self, fields: &[&str]) {
        let answer = self.expect_problem(400, "validation_failed");
        let errors = answer.body["errors"].as_array().expect("errors").iter();
        let named: BTreeSet<&str> =
            errors.map(|error| error.as_str().unwrap().split(':').next().unwrap()).collect();
        assert_eq!(named, fields.iter().copied().collect(), "{}", answer.body);
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The string at `pointer` (RFC 6901) in the body.
    #[track_caller]
    #[must_use]
    pub fn text(&self, pointer: &str) -> String {
        let value = self.body.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("no text at {pointer} in {}", self.body)).to_owned()
    }
}
