//! Rate limits within this process, for when Redis is gone: the same buckets, each process with its own.

use clients::redis::token_bucket::{Bucket, RateLimitDecision};
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use tokio::time::Instant;

/// How many buckets are kept before those that are full again are thrown away.
const CAPACITY: usize = 10_000;

/// When each bucket is full again.
static BUCKETS: LazyLock<Mutex<HashMap<String, Instant>>> = LazyLock::new(Mutex::default);

/// Takes one request from `bucket`.
pub fn take(bucket: &Bucket) -> RateLimitDecision {
    let Bucket { name, limit } = bucket;
    let limit = *limit;
    let mut buckets = BUCKETS.lock().unwrap_or_else(PoisonError::into_inner);
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

#[cfg(test)]
mod tests {
    use super::*;
    use clients::redis::token_bucket::Limit;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_empties_and_fills_up_evenly() {
        let limit = Limit { max: 3, window: Duration::from_secs(3) };
        let take = |name| take(&Bucket::new(name, limit));
        let remaining: Vec<u32> = (0..3).map(|_| take("a").remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        assert_eq!(take("a").retry_after, Some(Duration::from_secs(1)));
        assert_eq!(take("b").retry_after, None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(take("a").retry_after, None);
        assert!(take("a").retry_after.is_some());
    }
}
