//! Waits until the service answers, with this deployment.

use std::time::Duration;

use app::telemetry::chain;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::Target;
use super::api::Api;
use super::failure::Failure;

const PAUSE: Duration = Duration::from_secs(1);
/// Timeout of one request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Waits until `target` serves, and returns the base URL of its streams.
pub(super) async fn wait(api: &Api, target: &Target) -> Result<String, Failure> {
    let start = Instant::now();
    while let Err(failure) = check(api, target).await {
        if start.elapsed() >= target.patience.start {
            return Err(failure);
        }
        warn!(error = chain(&failure), "the service does not answer yet");
        sleep(PAUSE).await;
    }
    stream_url(api, target).await
}

/// Whether the service is up, and is the one that was deployed.
async fn check(api: &Api, target: &Target) -> Result<(), Failure> {
    let health = api.get_within("/health", TIMEOUT).await?;
    if !health["status"].is_string() {
        return Err(Failure::Unexpected("the response is not that of /health".to_owned()));
    }
    for (member, expected) in [("deployment", &target.deployment), ("commit", &target.commit)] {
        let shown = health[member].as_str();
        if expected.is_some() && shown != expected.as_deref() {
            let (shown, expected) = (shown.unwrap_or("none"), expected.as_deref().unwrap_or("none"));
            return Err(Failure::Unexpected(format!("/health shows the {member} {shown}, not {expected}")));
        }
    }
    Ok(())
}

async fn stream_url(api: &Api, target: &Target) -> Result<String, Failure> {
    if let Some(url) = &target.stream_url {
        return Ok(url.clone());
    }
    let config = api.get_within("/api/config", TIMEOUT).await?;
    // Relative where one address serves both APIs, and null where answers are not streamed.
    let url = config["stream_base_url"].as_str().unwrap_or_default();
    Ok(if url.contains("://") { url.to_owned() } else { format!("{}{url}", target.api_url) })
}
