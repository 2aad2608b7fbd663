//! Brings the database's schema up to date: on each deploy, as a CloudFormation custom resource, before the new code
//! serves; and from the command line, where it also says who operates the service.

pub mod roles;
#[cfg(test)]
mod tests;

use std::time::Duration;

use app::telemetry::chain;
use app::{Config, ConfigError};
use clients::tls::client_config;
use lambda_runtime::{Error, LambdaEvent};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use store::{Database, DatabaseConfig, migrations};
use tokio::time::timeout;
use tracing::{error, info};

/// What CloudFormation asks of a custom resource.
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
}

/// What it is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct CustomResourceResponse {
    status: &'static str,
    reason: String,
    physical_resource_id: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
}

/// Runs the migrations that have not run yet and answers their names. `MIGRATION_DATABASE_URL` is used in place of
/// `DATABASE_URL` where it is set: a pooled address in transaction mode cannot hold the lock by which runs take turns.
///
/// # Errors
/// Naming the migration that failed.
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

/// How long migrating may take: less than the function's own time-out in `template.yaml`, so that there is time left to
/// tell CloudFormation.
const PATIENCE: Duration = Duration::from_mins(4);

/// Answers a request of CloudFormation: migrates on creation and update, does nothing on deletion. CloudFormation waits
/// for minutes for an answer, so every outcome is told, that the configuration does not do or time runs out included.
///
/// # Errors
/// When the answer cannot be delivered.
pub async fn handle(
    config: Result<Config, ConfigError>,
    event: LambdaEvent<CustomResourceRequest>,
) -> Result<(), Error> {
    let request = event.payload;
    let outcome = match (request.request_type.as_str(), config) {
        ("Delete", _) => Ok(Vec::new()),
        (_, Err(error)) => Err(error.into()),
        (_, Ok(config)) => {
            timeout(PATIENCE, run(&config)).await.unwrap_or_else(|elapsed| Err(elapsed.into()))
        }
    };
    let (status, reason) = match outcome {
        Ok(applied) => ("SUCCESS", format!("applied: {}", applied.join(", "))),
        Err(error) => {
            let cause = chain(error.as_ref());
            error!("migrating failed: {cause}");
            ("FAILED", format!("{cause}; see the function's log"))
        }
    };
    let response = CustomResourceResponse {
        status,
        reason,
        physical_resource_id: request.physical_resource_id.unwrap_or_else(|| "schema".to_owned()),
        stack_id: request.stack_id,
        request_id: request.request_id,
        logical_resource_id: request.logical_resource_id,
    };
    clients::callback::put_json(&request.response_url, &response).await?;
    Ok(())
}
