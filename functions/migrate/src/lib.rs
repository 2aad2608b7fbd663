//! Brings the database's schema up to date: on each deploy, as a CloudFormation custom resource, before the new code
//! serves; and from the command line.

#[cfg(test)]
mod tests;

use app::Config;
use lambda_runtime::{Error, LambdaEvent};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use store::{Database, DatabaseConfig, migrations};
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
    let url = config.migration_database_url.as_ref().unwrap_or(&config.database_url);
    let database = Database::new(DatabaseConfig { url: url.expose_secret(), pool_size: 1 })?;
    let mut client = database.client().await?;
    let applied = migrations::run(&mut client).await?;
    info!(applied = applied.join(", "), "the schema is up to date");
    Ok(applied)
}

/// Answers a request of CloudFormation: migrates on creation and update, does nothing on deletion. CloudFormation waits
/// an hour for an answer, so every outcome is told.
///
/// # Errors
/// When the answer cannot be delivered.
pub async fn handle(config: &Config, event: LambdaEvent<CustomResourceRequest>) -> Result<(), Error> {
    let request = event.payload;
    let outcome = if request.request_type == "Delete" { Ok(Vec::new()) } else { run(config).await };
    let (status, reason) = match outcome {
        Ok(applied) => ("SUCCESS", format!("applied: {}", applied.join(", "))),
        Err(error) => {
            error!("migrating failed: {error}");
            ("FAILED", format!("{error}; see the function's log"))
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
