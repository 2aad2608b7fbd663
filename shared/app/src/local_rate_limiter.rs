//! [`LocalRateLimiter`]: the fallback for rate limits while Redis is unreachable. Each process then
//! counts in buckets of its own.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use clients::redis::limits::{Bucket, RateLimitDecision};
use tokio::time::Instant;

/// The number of buckets above which the full ones are discarded.
const CAPACITY: usize = 10_000;

/// Rate limits within one process.
#[derive(Debug, Default)]
pub struct LocalRateLimiter {
    /// When each bucket is full again, by the bucket's name.
    full_at: Mutex<HashMap<String, Instant>>,
}

impl LocalRateLimiter {
    /// Charges one request to `bucket`.
    pub fn take(&self, bucket: &Bucket) -> RateLimitDecision {
        let Bucket { name, limit } = bucket;
        let limit = *limit;
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if full_at.len() >= CAPACITY {
            full_at.retain(|_, at| *at > now);
        }
        let interval = limit.window / limit.max;
        let missing = full_at.get(name).copied().unwrap_or(now).saturating_duration_since(now);
        let resets_in = missing + interval;
        let wait = resets_in.saturating_sub(limit.window);
        if !wait.is_zero() {
            return RateLimitDecision { limit, remaining: 0, resets_in: missing, retry_after: Some(wait) };
        }
        full_at.insert(name.clone(), now + resets_in);
        let left = limit.window.saturating_sub(resets_in).as_nanos() / interval.as_nanos().max(1);
        RateLimitDecision {
            limit,
            remaining: u32::try_from(left).unwrap_or(u32::MAX),
            resets_in,
            retry_after: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clients::redis::limits::Limit;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_empties_and_refills_evenly() {
        let limit = Limit { max: 3, window: Duration::from_secs(3) };
        let limiter = LocalRateLimiter::default();
        let take = |name| limiter.take(&Bucket::new(name, limit));
        let remaining: Vec<u32> = (0..3).map(|_| take("a").remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        assert_eq!(take("a").retry_after, Some(Duration::from_secs(1)));
        assert_eq!(take("b").retry_after, None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(take("a").retry_after, None);
        assert!(take("a").retry_after.is_some());
    }
}
