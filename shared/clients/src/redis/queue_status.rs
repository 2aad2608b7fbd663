//! The counts of the queue, which anybody may ask for, kept at `queue:status` for some seconds.

use std::time::Duration;

use super::{Redis, RedisUnavailable};

const KEY: &str = "queue:status";

/// How old the counts may be.
const LIFETIME: Duration = Duration::from_secs(5);

impl Redis {
    /// The counts as they were kept, as JSON.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn find_queue_status(&self) -> Result<Option<String>, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("GET").arg(KEY);
        let (status,): (Option<String>,) = self.run(&pipeline).await?;
        Ok(status)
    }

    /// Keeps the counts.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn keep_queue_status(&self, status: &str) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("SET").arg(KEY).arg(status).arg("EX").arg(LIFETIME.as_secs());
        self.run(pipeline.ignore()).await
    }
}
