//! Waits until the service answers, with this deployment.

use std::time::Duration;

use app::telemetry::chain;
use reqwest::StatusCode;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::Target;
use super::api::Api;
use super::failure::Failure;

const PAUSE: Duration = Duration::from_secs(1);
/// Timeout of one request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The stream of no message. Without a token it is refused before it is looked for.
pub(crate) const NO_STREAM: &str = "/api/stream/00000000-0000-0000-0000-000000000000";

/// Waits until both APIs of `target` serve, and returns that of streams.
pub(super) async fn wait(api: &Api, target: &Target) -> Result<Api, Failure> {
    let deadline = Instant::now() + target.timeouts.start;
    repeat_until(deadline, || check(api, target)).await?;
    let streams = api.with_base_url(&stream_url(api, target).await?);
    repeat_until(deadline, || check_streams(&streams)).await?;
    Ok(streams)
}

/// Repeats `check` until it succeeds, at most until `deadline`.
async fn repeat_until<F>(deadline: Instant, check: impl Fn() -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    while let Err(failure) = check().await {
        if Instant::now() >= deadline {
            return Err(failure);
        }
        warn!(error = chain(&failure), "the service does not answer yet");
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Whether the API of streams leads to its function, which refuses a request without a token.
async fn check_streams(streams: &Api) -> Result<(), Failure> {
    match streams.get_within(NO_STREAM, TIMEOUT).await {
        Err(Failure::Refused(refusal)) if refusal.status == StatusCode::UNAUTHORIZED => Ok(()),
        Err(failure) => Err(failure),
        Ok(_) => Err(Failure::Unexpected("a stream was opened without a token".to_owned())),
    }
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
