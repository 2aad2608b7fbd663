//! A request, independent of the transport that carries it.

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

use super::{Response, Transport};

/// A request under construction.
#[derive(Debug, Clone)]
pub struct Request {
    /// The HTTP method.
    pub method: String,
    /// The path, query included.
    pub path: String,
    /// The headers, by their names in lower case.
    pub headers: Map<String, Value>,
    /// The body, if there is one.
    pub body: Option<Vec<u8>>,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: &str, path: impl Into<String>) -> Self {
        Self { method: method.to_owned(), path: path.into(), headers: Map::new(), body: None }
    }

    /// A POST with a JSON body.
    pub fn post(path: impl Into<String>, body: &Value) -> Self {
        Self::new("POST", path).json(body)
    }

    /// Adds the bearer token.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sets a header; its name in lower case.
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

    /// Sets the body, without a content type.
    #[must_use]
    pub fn body(mut self, body: &[u8]) -> Self {
        self.body = Some(body.to_owned());
        self
    }

    /// Sends the request.
    pub async fn send(&self, transport: &impl Transport) -> Result<Response> {
        transport.send(self).await.with_context(|| format!("{} {}", self.method, self.path))
    }
}
