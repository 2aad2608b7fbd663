//! Requests as API Gateway hands them to functions, and what comes back.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use crate::lambda::Lambda;

/// A request in the making.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    method: &'static str,
    path: String,
    headers: Map<String, Value>,
    body: Option<String>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
}

impl Request {
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Map::new(), body: None }
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = Some(body.to_string());
        self.header("content-type", "application/json")
    }

    /// Which function answers it, by `template.yaml`'s routes.
    pub(crate) fn function(&self) -> &str {
        let mut parts = self.path.trim_start_matches('/').split(['/', '?']);
        match (parts.next(), parts.next()) {
            (Some("api"), Some(group)) => group,
            _ => "site",
        }
    }

    /// The event, of payload format 2.0.
    pub(crate) fn event(&self) -> Value {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": self.headers,
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "local",
                "domainName": "127.0.0.1",
                "domainPrefix": "local",
                "http": {
                    "method": self.method, "path": path, "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1", "userAgent": "faults",
                },
                "requestId": uuid::Uuid::new_v4(),
                "routeKey": "$default",
                "stage": "$default",
                "time": "24/Nov/2026:12:00:00 +0000",
                "timeEpoch": 0,
            },
            "body": self.body,
            "isBase64Encoded": false,
        })
    }

    /// Sends it.
    pub(crate) async fn send(&self, lambda: &Lambda) -> Result<Answer> {
        let answer = lambda.invoke(self.function(), self.event()).await;
        answer.and_then(|answer| read(&answer)).with_context(|| format!("{} {}", self.method, self.path))
    }
}

fn read(answer: &Value) -> Result<Answer> {
    let status = answer["statusCode"].as_u64().and_then(|status| status.try_into().ok());
    let headers = answer["headers"].as_object().into_iter().flatten();
    let text = answer["body"].as_str().unwrap_or("null");
    Ok(Answer {
        status: status.with_context(|| format!("no status in {answer}"))?,
        headers: headers.map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned())).collect(),
        body: serde_json::from_str(if text.is_empty() { "null" } else { text })
            .context("reading the body")?,
    })
}

impl Answer {
    /// This answer, which must have the status `expected`.
    ///
    /// # Errors
    /// When it has another.
    pub(crate) fn expect(self, expected: u16) -> Result<Self> {
        anyhow::ensure!(self.status == expected, "{} in place of {expected}: {}", self.status, self.body);
        Ok(self)
    }

    /// The text at `pointer` in the body.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn text(&self, pointer: &str) -> Result<String> {
        let text = self.body.pointer(pointer).and_then(Value::as_str);
        Ok(text.with_context(|| format!("no text at {pointer} in {}", self.body))?.to_owned())
    }
}
