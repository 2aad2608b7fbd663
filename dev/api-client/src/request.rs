//! A request, independent of the transport that carries it.

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

use super::{Response, Transport};

#[derive(Debug, Clone)]
#[must_use]
pub struct Request {
    pub method: String,
    /// The path, query included.
    pub path: String,
    /// The headers, by their names in lower case.
    pub headers: Map<String, Value>,
    pub body: Option<Vec<u8>>,
}

impl Request {
    pub fn new(method: &str, path: impl Into<String>) -> Self {
        Self { method: method.to_owned(), path: path.into(), headers: Map::new(), body: None }
    }

    pub fn post(path: impl Into<String>, body: &Value) -> Self {
        Self::new("POST", path).json(body)
    }

    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.into());
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.body(body.to_string().as_bytes()).header("content-type", "application/json")
    }

    pub fn body(mut self, body: &[u8]) -> Self {
        self.body = Some(body.to_owned());
        self
    }

    pub async fn send(&self, transport: &impl Transport) -> Result<Response> {
        transport.send(self).await.with_context(|| format!("{} {}", self.method, self.path))
    }
}
