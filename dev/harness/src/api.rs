//! Requests as API Gateway hands them to functions, and what comes back.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use lambda::{Lambda, gateway};
use serde_json::{Map, Value};

/// A request in the making.
#[derive(Debug, Clone)]
pub struct Request {
    method: &'static str,
    path: String,
    headers: Map<String, Value>,
    body: Option<Vec<u8>>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body as JSON; text where it is NDJSON, null where it is empty.
    pub body: Value,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Map::new(), body: None }
    }

    /// Adds the bearer token.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body(body.to_string().as_bytes()).header("content-type", "application/json")
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: &[u8]) -> Self {
        self.body = Some(body.to_owned());
        self
    }

    /// Which function answers it.
    #[must_use]
    pub fn function(&self) -> &str {
        gateway::function_of(&self.path)
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> Value {
        gateway::event(self.method, &self.path, &self.headers, self.body.as_deref())
    }

    /// Sends it.
    pub async fn send(&self, lambda: &Lambda) -> Result<Answer> {
        let answer = lambda.invoke(self.function(), self.event()).await;
        answer.and_then(|answer| read(&answer)).with_context(|| format!("{} {}", self.method, self.path))
    }
}

fn read(answer: &Value) -> Result<Answer> {
    let status = answer["statusCode"].as_u64().and_then(|status| status.try_into().ok());
    let headers = answer["headers"].as_object().into_iter().flatten();
    let text = answer["body"].as_str().unwrap_or_default();
    let body = match headers.clone().find(|(name, _)| *name == "content-type").map(|(_, kind)| kind) {
        _ if text.is_empty() => Value::Null,
        Some(kind) if kind == "application/x-ndjson" => Value::from(text),
        _ => serde_json::from_str(text).context("reading the body")?,
    };
    Ok(Answer {
        status: status.with_context(|| format!("no status in {answer}"))?,
        headers: headers.map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned())).collect(),
        body,
    })
}

impl Answer {
    /// This answer, which must have the status `expected`.
    ///
    /// # Errors
    /// When it has another.
    pub fn expect(self, expected: u16) -> Result<Self> {
        anyhow::ensure!(self.status == expected, "{} in place of {expected}: {}", self.status, self.body);
        Ok(self)
    }

    /// The text at `pointer` in the body.
    ///
    /// # Errors
    /// When there is none.
    pub fn text(&self, pointer: &str) -> Result<String> {
        let text = self.body.pointer(pointer).and_then(Value::as_str);
        Ok(text.with_context(|| format!("no text at {pointer} in {}", self.body))?.to_owned())
    }
}
