//! Starting a program and waiting until it is ready.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::time::sleep;

use super::{Handle, Launch, tail};

/// How often a starting service is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// How long a service may take to start.
const PATIENCE: Duration = Duration::from_mins(1);

/// Starts a service and waits until it is ready; one that does not get ready is ended.
///
/// # Errors
/// When it ends or takes too long, with the end of its log.
pub async fn start_until(launch: &Launch, log: &Path, ready: impl AsyncFn() -> bool) -> Result<Handle> {
    let handle = launch.detach(log)?;
    if !eventually(&handle, ready).await {
        let what = if handle.is_alive() { "was not ready after 60 s" } else { "ended at once" };
        handle.kill_family();
        bail!("`{}` {what}; {}", launch.line(), tail(log));
    }
    Ok(handle)
}

/// Waits until something that the process `handle` does is `ready`; answers whether it came to be, and not the process's
/// end or 60 seconds before it.
pub async fn eventually(handle: &Handle, ready: impl AsyncFn() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !ready().await {
        if !handle.is_alive() || Instant::now() > deadline {
            return false;
        }
        sleep(GLANCE).await;
    }
    true
}
