//! A request with an idempotency key whose function dies, and its retry.

use anyhow::{Context as _, Result, ensure};
use harness::instrumented_instance::DONE;
use harness::proxy::Side;
use harness::{InstrumentedInstance, Request, TestEnvironment, TestUser, event};
use serde_json::json;
use uuid::Uuid;

/// A request that has created a chatroom, but whose idempotency record is still in progress.
pub(super) struct InterruptedRequest(Request);

impl InterruptedRequest {
    pub(super) async fn send(environment: &TestEnvironment) -> Result<Self> {
        let user = TestUser::sign_up(environment).await?;
        let key = Uuid::new_v4().to_string();
        let request = user.request("POST", "/api/chatroom").json(&json!({ "name": "A chatroom" }));
        let request = request.header("idempotency-key", &key);
        let instance = InstrumentedInstance::start(environment, "chatroom").await?;
        let inserted = instance.pause_postgres_at(&[(Side::Client, "INSERT INTO chatrooms"), DONE]);
        instance.kill_at(event(&request), inserted).await?;
        Ok(Self(request))
    }

    /// Retries the request during the lease of its idempotency record (409) and after it.
    pub(super) async fn retry(self, environment: &TestEnvironment) -> Result<()> {
        self.0.send(environment).await?.ensure(409)?;
        expire_leases(environment).await?;
        self.0.send(environment).await?.ensure(201).map(drop)
    }
}

/// Expires the leases of all idempotency records in progress, so that the retry does not wait.
async fn expire_leases(environment: &TestEnvironment) -> Result<()> {
    let table = environment.var("TABLE_NAME")?;
    let scan = json!({ "TableName": table, "FilterExpression": "attribute_exists(in_progress_until)" });
    let found = environment.aws.dynamodb("Scan", &scan).await?;
    let records = found["Items"].as_array().context("no items")?;
    ensure!(!records.is_empty(), "no idempotency record is in progress");
    for record in records {
        let update = json!({
            "TableName": table, "Key": { "pk": record["pk"] }, "UpdateExpression": "SET in_progress_until = :past",
            "ExpressionAttributeValues": { ":past": { "N": "0" } },
        });
        environment.aws.dynamodb("UpdateItem", &update).await?;
    }
    Ok(())
}
