//! Validates the configuration of every function and runs the database migrations: on each deploy, as a
//! CloudFormation custom resource, before the new code serves. `smoke` tests the service after a
//! deployment, as another custom resource. [`commands`] are for operators.

mod accounts;
mod callback;
pub mod commands;
mod gate;
mod receipts;
mod roles;
mod smoke;
mod switches;
#[cfg(test)]
mod tests;

use std::time::Duration;

use app::Config;
use app::telemetry::chain;
use clients::tls::client_config;
use lambda_runtime::{Error, LambdaEvent};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Database, DatabaseConfig, migrations};
use tokio::time::timeout;
use tracing::{error, info};

use crate::gate::Validated;

/// CloudFormation's request to a custom resource.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CustomResourceRequest {
    request_type: String,
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    resource_type: String,
    physical_resource_id: Option<String>,
    #[serde(default)]
    resource_properties: Value,
}

/// The response to CloudFormation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct CustomResourceResponse {
    status: &'static str,
    reason: String,
    physical_resource_id: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    /// The attributes of the resource, which the template reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
}

/// Runs the pending migrations and returns their names. An error names the migration that failed.
///
/// `MIGRATION_DATABASE_URL` replaces `DATABASE_URL` when it is set: a pooler in transaction mode
/// cannot hold the session lock that serialises concurrent runs.
pub async fn run(config: &Config) -> Result<Vec<String>, Error> {
    let mut client = database(config)?.client().await?;
    let applied = migrations::run(&mut client).await?;
    info!(applied = applied.join(", "), "the schema is up to date");
    Ok(applied)
}

fn database(config: &Config) -> Result<Database, Error> {
    let url = config.migration_database_url.as_ref().unwrap_or(&config.database_url);
    Ok(Database::new(DatabaseConfig { url: url.expose_secret(), pool_size: 1, tls: client_config() })?)
}

/// The timeout of the migrations: shorter than the function's timeout in `template.yaml`, so that
/// there is time left to respond to CloudFormation.
const MIGRATION_TIMEOUT: Duration = Duration::from_mins(4);

/// The longest reason, in bytes: CloudFormation accepts a response of 4 KB.
const MAX_REASON: usize = 3_000;

/// The type of the custom resource that runs the smoke test. The other one migrates.
const SMOKE_TEST: &str = "Custom::SmokeTest";

/// Handles a request of CloudFormation. On creation and update it runs the smoke test for that resource;
/// for the other it validates the configuration and migrates. On deletion it does nothing. Without a
/// response the deploy hangs until CloudFormation's timeout, so every result is sent, also an invalid
/// configuration and a timeout. `environment` looks up a variable of this function.
pub async fn handle(
    environment: impl Fn(&str) -> Option<String>,
    event: LambdaEvent<CustomResourceRequest>,
) -> Result<(), Error> {
    let request = event.payload;
    let (properties, stack) = (&request.resource_properties, &request.stack_id);
    let is_smoke_test = request.resource_type == SMOKE_TEST;
    let outcome = match request.request_type.as_str() {
        "Delete" => Ok(("nothing to delete".to_owned(), None)),
        _ if is_smoke_test => {
            Box::pin(smoke::respond(properties, stack, &environment)).await.map(|summary| (summary, None))
        }
        _ => match gate::validate(properties, &environment) {
            Ok(validated) => migrate(validated).await,
            Err(error) => Err(error.into()),
        },
    };
    let (status, reason, data) = match outcome {
        Ok((reason, data)) => ("SUCCESS", reason, data),
        Err(error) => {
            let cause = chain(error.as_ref());
            error!("the deployment is refused: {cause}");
            let shown = &cause[..cause.floor_char_boundary(MAX_REASON)];
            ("FAILED", format!("{shown}; see the function's log"), None)
        }
    };
    let first_id = if is_smoke_test { "smoke-test" } else { "schema" };
    let response = CustomResourceResponse {
        status,
        reason,
        physical_resource_id: request.physical_resource_id.unwrap_or_else(|| first_id.to_owned()),
        stack_id: request.stack_id,
        request_id: request.request_id,
        logical_resource_id: request.logical_resource_id,
        data,
    };
    callback::put_json(&request.response_url, &response).await?;
    Ok(())
}

/// Runs the migrations. Returns what to tell CloudFormation, and the attributes of the custom resource.
async fn migrate(Validated { config, fingerprint }: Validated) -> Result<(String, Option<Value>), Error> {
    info!(commit = config.release.commit, fingerprint, "the configuration of every function is valid");
    let applied = timeout(MIGRATION_TIMEOUT, run(&config)).await??;
    let reason = format!("applied: {}", applied.join(", "));
    Ok((reason, Some(json!({ "Fingerprint": fingerprint }))))
}
