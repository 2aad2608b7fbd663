//! Requests with an idempotency key whose function dies, and their retries.

use anyhow::{Context as _, Result, ensure};
use harness::instrumented_instance::DONE;
use harness::proxy::Side;
use harness::{InstrumentedInstance, PASSWORD, Request, TestEnvironment, TestUser, event, random_number};
use serde_json::json;
use uuid::Uuid;

/// Requests that have created an account and a chatroom, but whose idempotency records are still in
/// progress.
pub(super) struct InterruptedRequests([Request; 2]);

impl InterruptedRequests {
    pub(super) async fn send(environment: &TestEnvironment) -> Result<Self> {
        let number = random_number();
        let code = Request::post("/api/auth/send-signup-otp", &json!({ "mobile_number": number }));
        let otp = code.send(environment).await?.ensure(200)?.string_at("/otp")?;
        let account = json!({ "mobile_number": number, "otp": otp, "name": "Ada", "password": PASSWORD });
        let sign_up = Request::post("/api/auth/verify-signup-otp", &account);
        let user = TestUser::sign_up(environment).await?;
        let create = user.request("POST", "/api/chatroom").json(&json!({ "name": "A chatroom" }));
        Ok(Self([
            interrupt(environment, "auth", sign_up, "INSERT INTO users").await?,
            interrupt(environment, "chatroom", create, "INSERT INTO chatrooms").await?,
        ]))
    }

    /// Retries each request during the lease of its idempotency record (409), after it, and once it is
    /// completed.
    pub(super) async fn retry(self, environment: &TestEnvironment) -> Result<()> {
        for request in &self.0 {
            request.send(environment).await?.ensure(409)?;
        }
        expire_leases(environment).await?;
        for request in [&self.0, &self.0].into_iter().flatten() {
            request.send(environment).await?.ensure(201)?;
        }
        Ok(())
    }
}

/// Sends `request` with an idempotency key, and kills `function` once it has sent `statement`.
async fn interrupt(
    environment: &TestEnvironment,
    function: &str,
    request: Request,
    statement: &'static str,
) -> Result<Request> {
    let request = request.header("idempotency-key", &Uuid::new_v4().to_string());
    let instance = InstrumentedInstance::start(environment, function).await?;
    let points = [(Side::Client, statement), DONE];
    instance.kill_at(event(&request), instance.pause_postgres_at(&points)).await?;
    Ok(request)
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
