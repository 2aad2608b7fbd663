//! Waiting for a condition instead of for a fixed time.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::time::sleep;

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Waits until `condition` holds, for at most `max_wait`, and returns how long that took. `what`
/// names the condition in the error.
pub async fn wait_until(
    what: &str,
    max_wait: Duration,
    mut condition: impl AsyncFnMut() -> Result<bool>,
) -> Result<Duration> {
    let start = Instant::now();
    while !condition().await? {
        ensure!(start.elapsed() < max_wait, "not within {max_wait:?}: {what}");
        sleep(POLL_INTERVAL).await;
    }
    Ok(start.elapsed())
}
