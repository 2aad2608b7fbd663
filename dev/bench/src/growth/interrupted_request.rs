//! A request with an idempotency key whose function dies, and its retry.

use anyhow::{Context as _, Result, ensure};
use harness::api::Request;
use harness::person::Person;
use harness::proxy::Side;
use harness::victim::{DONE, Victim, reached};
use harness::world::World;
use serde_json::json;
use uuid::Uuid;

use super::http::send;

/// A request that has created a chatroom, but whose idempotency record is still in progress.
pub(super) struct InterruptedRequest(Request);

impl InterruptedRequest {
    pub(super) async fn send(world: &World) -> Result<Self> {
        let user = Person::sign_up(world).await?;
        let key = Uuid::new_v4().to_string();
        let request = user.request("POST", "/api/chatroom").json(&json!({ "name": "A room" }));
        let request = request.header("idempotency-key", &key);
        let victim = Victim::of(world, "chatroom").await?;
        let inserted = victim.hold_postgres(&[(Side::Client, "INSERT INTO chatrooms"), DONE]);
        victim.die_at(request.event(), reached(inserted)).await?;
        Ok(Self(request))
    }

    /// Retries the request after the lease of its idempotency record: until then it is answered with 409.
    pub(super) async fn retry(self, world: &World) -> Result<()> {
        send(world, self.0.clone(), 409).await?;
        expire_leases(world).await?;
        send(world, self.0, 201).await.map(drop)
    }
}

/// Expires the leases of all idempotency records in progress, so that the retry need not wait for it.
async fn expire_leases(world: &World) -> Result<()> {
    let table = world.var("TABLE_NAME")?;
    let scan = json!({
        "TableName": table, "FilterExpression": "attribute_exists(in_progress_until)",
    });
    let found = world.aws.dynamodb("Scan", &scan).await?;
    let records = found["Items"].as_array().context("no items")?;
    ensure!(!records.is_empty(), "no idempotency record is in progress");
    for record in records {
        let update = json!({
            "TableName": table, "Key": { "pk": record["pk"] }, "UpdateExpression": "SET in_progress_until = :past",
            "ExpressionAttributeValues": { ":past": { "N": "0" } },
        });
        world.aws.dynamodb("UpdateItem", &update).await?;
    }
    Ok(())
}
