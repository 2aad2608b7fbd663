//! What the Pro plan costs, as Stripe said last, kept at `price:{price id}`.

use std::time::Duration;

use super::{Redis, RedisUnavailable};

/// How long it is kept, for a Stripe that does not answer. Whoever keeps it says in it how old it is.
const LIFETIME: Duration = Duration::from_hours(7 * 24);

impl Redis {
    /// The price `id` as it was kept, as JSON.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn find_price(&self, id: &str) -> Result<Option<String>, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("GET").arg(key(id));
        let (price,): (Option<String>,) = self.run(&pipeline).await?;
        Ok(price)
    }

    /// Keeps the price `id`.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn keep_price(&self, id: &str, price: &str) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("SET").arg(key(id)).arg(price).arg("EX").arg(LIFETIME.as_secs());
        self.run(pipeline.ignore()).await
    }
}

fn key(id: &str) -> String {
    format!("price:{id}")
}
