//! The cached queue counts of the public queue status, at `queue:status`.

use std::time::Duration;

use super::{Redis, RedisUnavailable};

const KEY: &str = "queue:status";

/// The greatest age of the counts.
const TTL: Duration = Duration::from_secs(5);

impl Redis {
    /// The cached counts, as JSON.
    pub async fn find_queue_status(&self) -> Result<Option<String>, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("GET").arg(KEY);
        let (status,): (Option<String>,) = self.run(&pipeline).await?;
        Ok(status)
    }

    /// Caches the counts, as JSON.
    pub async fn cache_queue_status(&self, status: &str) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("SET").arg(KEY).arg(status).arg("EX").arg(TTL.as_secs());
        self.run(pipeline.ignore()).await
    }
}
