//! Token buckets in this process, for when Redis is unavailable. Each process has its own.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::token_bucket::{Bucket, RateLimitDecision};

/// The number of buckets above which full ones are removed.
const CAPACITY: usize = 10_000;

/// The buckets of this process.
#[derive(Debug, Default)]
pub(super) struct LocalBuckets {
    /// When each bucket is full again, by name.
    full_at: Mutex<HashMap<String, Instant>>,
}

impl LocalBuckets {
    /// Takes one token from `bucket`.
    pub(super) fn consume(&self, bucket: &Bucket) -> RateLimitDecision {
        let Bucket { name, limit } = bucket;
        let limit = *limit;
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if full_at.len() >= CAPACITY {
            full_at.retain(|_, full_at| *full_at > now);
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
        let remaining = u32::try_from(left).unwrap_or(u32::MAX);
        RateLimitDecision { limit, remaining, resets_in, retry_after: None }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::token_bucket::Limit;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bucket_empties_and_refills_evenly() {
        let buckets = LocalBuckets::default();
        let limit = Limit { max: 3, window: Duration::from_secs(3) };
        let consume = |name| buckets.consume(&Bucket::new(name, limit));
        let remaining: Vec<u32> = (0..3).map(|_| consume("a").remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        assert_eq!(consume("a").retry_after, Some(Duration::from_secs(1)));
        assert_eq!(consume("b").retry_after, None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(consume("a").retry_after, None);
        assert!(consume("a").retry_after.is_some());
    }
}
