//! The custom resource `SmokeTestRun` of `template.yaml`, which depends on everything that requests pass
//! through. CloudFormation creates or updates it last, and its failure rolls the deployment back.

use app::telemetry::chain;
use app::{Clock, Config, Dependency};
use clients::aws::AwsConfig;
use clients::cloud_formation::find_stack_status;
use lambda_runtime::Error;
use serde::Deserialize;
use serde_json::Value;
use tracing::{info, warn};

use super::{Target, leftovers, run};

/// What the smoke test needs.
pub const DEPENDENCIES: &[Dependency] = &[Dependency::DATABASE, Dependency::REDIS, Dependency::TOKENS];

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
            leftovers::delete(config).await;
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

/// Whether CloudFormation restores the previous state of `stack`. An unknown state counts as a deployment.
async fn is_rollback(stack: &str, environment: &dyn Fn(&str) -> Option<String>) -> bool {
    let aws = AwsConfig {
        region: environment("AWS_REGION").unwrap_or_default(),
        endpoint_url: environment("AWS_ENDPOINT_URL"),
    };
    let now = Clock::default().now();
    let found = match aws.load() {
        Ok(config) => find_stack_status(&config, stack, now).await.map_err(|error| chain(&error)),
        Err(error) => Err(chain(&error)),
    };
    match found {
        Ok(status) => status.is_rollback(),
        Err(error) => {
            warn!(error, "the status of the stack is not known; it counts as a deployment");
            false
        }
    }
}
