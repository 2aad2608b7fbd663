//! [`InProcessLimiter`]: rate limits within this process, for requests that Redis cannot count.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use clients::redis::limits::{Bucket, RateLimitDecision};
use tokio::time::Instant;

/// The number of buckets above which full ones are removed.
const CAPACITY: usize = 10_000;

/// The same buckets as in Redis, counted by each process for itself.
#[derive(Debug, Default)]
pub struct InProcessLimiter {
    /// When each bucket is full again.
    full_at: Mutex<HashMap<String, Instant>>,
}

impl InProcessLimiter {
    /// Charges one request to `bucket`, unless it is empty.
    pub fn charge(&self, bucket: &Bucket) -> RateLimitDecision {
        let Bucket { name, limit } = bucket;
        let limit = *limit;
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if buckets.len() >= CAPACITY {
            buckets.retain(|_, full_at| *full_at > now);
        }
        let interval = limit.window / limit.max;
        let missing = buckets.get(name).copied().unwrap_or(now).saturating_duration_since(now);
        let resets_in = missing + interval;
        let wait = resets_in.saturating_sub(limit.window);
        if !wait.is_zero() {
            return RateLimitDecision { limit, remaining: 0, resets_in: missing, retry_after: Some(wait) };
        }
        buckets.insert(name.clone(), now + resets_in);
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
    async fn bucket_empties_and_refills_evenly() {
        let limiter = InProcessLimiter::default();
        let limit = Limit { max: 3, window: Duration::from_secs(3) };
        let charge = |name| limiter.charge(&Bucket::new(name, limit));
        let remaining: Vec<u32> = (0..3).map(|_| charge("a").remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        assert_eq!(charge("a").retry_after, Some(Duration::from_secs(1)));
        assert_eq!(charge("b").retry_after, None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(charge("a").retry_after, None);
        assert!(charge("a").retry_after.is_some());
    }
}
