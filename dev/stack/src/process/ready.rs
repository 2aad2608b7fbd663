//! Starts a service and waits until it is ready.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::{Handle, Launch, tail};

/// Interval between checks of a starting service.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long a service may take to start.
const MAX_WAIT: Duration = Duration::from_mins(1);

impl Launch {
    /// Starts a service detached and waits until `is_ready`. Kills a service that does not become
    /// ready.
    ///
    /// # Errors
    /// When the service ends or is not ready in time, with the end of its log.
    pub async fn start_service(&self, log: &Path, is_ready: impl AsyncFn() -> bool) -> Result<Handle> {
        let handle = self.detach(log)?;
        if !wait_until_ready(&handle, is_ready).await {
            let problem = if handle.is_alive() { "was not ready after 60 s" } else { "ended at once" };
            handle.kill_tree();
            bail!("`{}` {problem}; {}", self.line(), tail(log));
        }
        Ok(handle)
    }

    /// Starts a service detached and waits until it accepts connections on `port`.
    ///
    /// # Errors
    /// When the service ends or is not ready in time, with the end of its log.
    pub async fn start_service_on_port(&self, log: &Path, port: u16) -> Result<Handle> {
        self.start_service(log, async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await
    }
}

/// Waits until `is_ready`. Returns false if the process ends first, or after 60 seconds.
pub async fn wait_until_ready(handle: &Handle, is_ready: impl AsyncFn() -> bool) -> bool {
    let deadline = Instant::now() + MAX_WAIT;
    while !is_ready().await {
        if !handle.is_alive() || Instant::now() > deadline {
            return false;
        }
        sleep(POLL_INTERVAL).await;
    }
    true
}
