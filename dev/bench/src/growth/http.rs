//! Sends requests and checks their status.

use anyhow::Result;
use harness::api::{Answer, Request};
use harness::world::World;
use serde_json::Value;

/// Sends a request whose response must have this status.
pub(super) async fn send(world: &World, request: Request, status: u16) -> Result<Answer> {
    request.send(&world.lambda).await?.expect(status)
}

pub(super) fn post(path: &str, body: &Value) -> Request {
    Request::new("POST", path).json(body)
}
