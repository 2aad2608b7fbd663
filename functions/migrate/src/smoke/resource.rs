//! The custom resource `SmokeTestRun` of `template.yaml`, which depends on everything that requests pass
//! through. CloudFormation creates or updates it last, and its failure rolls the deployment back.

use std::time::Duration;

use app::telemetry::chain;
use app::{Clock, Config, Dependency};
use clients::aws::AwsConfig;
use clients::cloud_formation::{StackStatus, find_stack_status};
use lambda_runtime::Error;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::sleep;
use tracing::{info, warn};

use super::{Target, abandoned_accounts, run};

/// What the smoke test needs.
pub const DEPENDENCIES: &[Dependency] = &[Dependency::DATABASE, Dependency::REDIS, Dependency::TOKENS];

/// Requests for the status of the stack, and the pause before the next one.
const STATUS_ATTEMPTS: u32 = 3;
const STATUS_PAUSE: Duration = Duration::from_millis(250);

/// Its properties. The others only make CloudFormation update it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    /// The fingerprint of the deployment's configuration.
    fingerprint: String,
    api_url: String,
    stream_url: String,
}

/// Runs the smoke test for the stack `stack`, and returns what to tell CloudFormation.
///
/// A rollback passes without a test: its failure would leave the stack in `UPDATE_ROLLBACK_FAILED`, and
/// what failed may be Gemini.
pub(crate) async fn respond(
    properties: &Value,
    stack: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Error> {
    let is_rollback = is_rollback(stack, environment).await;
    let config = Config::from_lookup(DEPENDENCIES, environment);
    if is_rollback {
        if let Ok(config) = &config {
            abandoned_accounts::delete(config).await;
        }
        let skipped = "the smoke test is skipped in a rollback";
        info!("{skipped}");
        return Ok(skipped.to_owned());
    }
    let (config, properties) = (config?, Properties::deserialize(properties)?);
    let target = Target {
        api_url: properties.api_url,
        stream_url: Some(properties.stream_url),
        deployment: Some(properties.fingerprint),
        commit: config.release.commit.clone(),
        ..Target::default()
    };
    let report = run(&config, &target).await?;
    report.failure().map_or_else(|| Ok(report.summary()), |failure| Err(failure.into()))
}

/// Whether CloudFormation restores the previous state of `stack`. An unknown state counts as a
/// deployment.
async fn is_rollback(stack: &str, environment: &dyn Fn(&str) -> Option<String>) -> bool {
    let aws = AwsConfig {
        region: environment("AWS_REGION").unwrap_or_default(),
        endpoint_url: environment("AWS_ENDPOINT_URL"),
    };
    match find_status(aws, stack).await {
        Ok(status) => status.is_rollback(),
        Err(error) => {
            warn!(error, "the status of the stack is not known; it counts as a deployment");
            false
        }
    }
}

/// Asks up to three times: CloudFormation throttles, and the deployment itself asks it all the time.
async fn find_status(aws: AwsConfig, stack: &str) -> Result<StackStatus, String> {
    let config = aws.load().map_err(|error| chain(&error))?;
    let mut attempt = 1;
    loop {
        match find_stack_status(&config, stack, Clock::default().now()).await {
            Ok(status) => return Ok(status),
            Err(error) if attempt == STATUS_ATTEMPTS => return Err(chain(&error)),
            Err(_) => attempt += 1,
        }
        sleep(STATUS_PAUSE).await;
    }
}
