//! The cached price of the Pro plan, at `price:{price id}`.

use std::time::Duration;

use super::{Redis, RedisUnavailable};

/// How long a price is cached, so that one can be shown while Stripe is down. The JSON says how old
/// it is.
const TTL: Duration = Duration::from_hours(7 * 24);

impl Redis {
    /// The cached price `id`, as JSON.
    pub async fn find_price(&self, id: &str) -> Result<Option<String>, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("GET").arg(key(id));
        let (price,): (Option<String>,) = self.run(&pipeline).await?;
        Ok(price)
    }

    /// Caches the price `id`, as JSON.
    pub async fn cache_price(&self, id: &str, price: &str) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("SET").arg(key(id)).arg(price).arg("EX").arg(TTL.as_secs());
        self.run(pipeline.ignore()).await
    }
}

fn key(id: &str) -> String {
    format!("price:{id}")
}
