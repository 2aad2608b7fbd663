//! Validates the configuration of every function and runs the database migrations: on each deploy,
//! as a CloudFormation custom resource, before the new code serves. From the command line it runs
//! the migrations; `roles` also grants and revokes the operator's role, `accounts` suspends and
//! restores accounts, `switches` pauses and resumes features, and `receipts` belongs to a restore
//! of Postgres.

pub mod accounts;
mod callback;
mod gate;
pub mod receipts;
pub mod roles;
pub mod switches;
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

/// Handles a request of CloudFormation: validates the configuration and migrates on creation and
/// update, does nothing on deletion. Without a response the deploy hangs until CloudFormation's
/// timeout, so every result is sent, also an invalid configuration and a timeout. `environment` looks
/// up a variable of this function.
pub async fn handle(
    environment: impl Fn(&str) -> Option<String>,
    event: LambdaEvent<CustomResourceRequest>,
) -> Result<(), Error> {
    let request = event.payload;
    let outcome = match request.request_type.as_str() {
        "Delete" => Ok((Vec::new(), None)),
        _ => match gate::validate(&request.resource_properties, &environment) {
            Ok(validated) => migrate(validated).await,
            Err(error) => Err(error.into()),
        },
    };
    let (status, reason, data) = match outcome {
        Ok((applied, data)) => ("SUCCESS", format!("applied: {}", applied.join(", ")), data),
        Err(error) => {
            let cause = chain(error.as_ref());
            error!("the deployment is refused: {cause}");
            let shown = &cause[..cause.floor_char_boundary(MAX_REASON)];
            ("FAILED", format!("{shown}; see the function's log"), None)
        }
    };
    let response = CustomResourceResponse {
        status,
        reason,
        physical_resource_id: request.physical_resource_id.unwrap_or_else(|| "schema".to_owned()),
        stack_id: request.stack_id,
        request_id: request.request_id,
        logical_resource_id: request.logical_resource_id,
        data,
    };
    callback::put_json(&request.response_url, &response).await?;
    Ok(())
}

/// Runs the migrations. Returns their names, and the attributes of the custom resource.
async fn migrate(
    Validated { config, fingerprint }: Validated,
) -> Result<(Vec<String>, Option<Value>), Error> {
    info!(commit = config.release.commit, fingerprint, "the configuration of every function is valid");
    let applied = timeout(MIGRATION_TIMEOUT, run(&config)).await??;
    Ok((applied, Some(json!({ "Fingerprint": fingerprint }))))
}
