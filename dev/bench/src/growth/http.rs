//! Sends requests and checks their status.

use anyhow::Result;
use harness::{Request, Response, TestEnvironment};
use serde_json::Value;

/// Sends a request whose response must have this status.
pub(super) async fn send(environment: &TestEnvironment, request: Request, status: u16) -> Result<Response> {
    request.send(environment).await?.ensure(status)
}

pub(super) fn post(path: &str, body: &Value) -> Request {
    Request::new("POST", path).json(body)
}
