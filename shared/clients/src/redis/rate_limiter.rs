//! [`RateLimiter`]: rate limits shared through Redis, with a fallback in this process.

use std::time::Duration;

use domain::SessionId;
use tracing::warn;

use super::local_buckets::LocalBuckets;
use super::password_attempts::{AttemptDecision, Counters, FREE_ATTEMPTS, PasswordAttempt};
use super::sessions::{CachedSession, SessionClaim, SessionLookup};
use super::token_bucket::{Bucket, Limit, RateLimitDecision};
use super::{Redis, RedisUnavailable};

/// How long the local bucket of password attempts takes to refill.
const PASSWORD_WINDOW: Duration = Duration::from_mins(15);

/// Rate limits. While Redis is unavailable each process counts its own requests and logs a warning.
#[derive(Debug)]
pub struct RateLimiter {
    redis: Redis,
    local: LocalBuckets,
}

impl RateLimiter {
    /// A rate limiter that counts in `redis`.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis, local: LocalBuckets::default() }
    }

    /// Takes one token from each bucket. Redis takes none if any is empty; the fallback takes from
    /// the others. Returns the decision for each bucket.
    pub async fn consume(&self, buckets: &[Bucket]) -> Vec<RateLimitDecision> {
        let decisions = self.redis.consume_tokens(buckets).await;
        decisions.unwrap_or_else(|error| self.consume_locally(buckets, &error))
    }

    /// The time until each of `buckets` has a token, if one is empty now. Takes none. Without Redis
    /// it is unknown, and [`consume`](Self::consume) decides.
    pub async fn find_wait(&self, buckets: &[Bucket]) -> Option<Duration> {
        self.redis.find_wait(buckets).await.unwrap_or_else(|error| {
            warn!(error = %error, "Redis unavailable: rate limits are counted in this process only");
            None
        })
    }

    /// Takes one token from `global` and one from the bucket that the claimed session decides: that
    /// of its owner while it is cached as active, `address` once it has ended or its account is
    /// suspended, and none while it is not cached. Costs one round trip. Without Redis the session is not cached.
    pub async fn consume_for_session(
        &self,
        global: &Bucket,
        address: &Bucket,
        claim: &SessionClaim,
    ) -> (SessionLookup, Vec<RateLimitDecision>) {
        match self.redis.consume_tokens_for_session(global, address, claim).await {
            Ok(found) => found,
            Err(error) => {
                (SessionLookup::Unknown, self.consume_locally(std::slice::from_ref(global), &error))
            }
        }
    }

    /// Caches a session that Postgres reported active `age` ago and takes one token from each of
    /// `buckets`. Costs one round trip.
    pub async fn cache_session_and_consume(
        &self,
        id: SessionId,
        session: &CachedSession,
        age: Duration,
        buckets: &[Bucket],
    ) -> Vec<RateLimitDecision> {
        let decisions = self.redis.cache_session_and_consume_tokens(id, session, age, buckets).await;
        decisions.unwrap_or_else(|error| self.consume_locally(buckets, &error))
    }

    /// Counts an attempt at a password, or returns how long the client must wait before the next.
    pub async fn count_password_attempt(&self, attempt: PasswordAttempt<'_>) -> AttemptDecision {
        match self.redis.count_password_attempt(attempt).await {
            Ok(decision) => decision,
            Err(error) => {
                warn!(error = %error, "Redis unavailable: password attempts are counted in this process only");
                let limit = Limit { max: FREE_ATTEMPTS, window: PASSWORD_WINDOW };
                let bucket = Bucket::new(format!("login:{}", attempt.account), limit);
                self.local
                    .consume(&bucket)
                    .retry_after
                    .map_or(AttemptDecision::Compare(Counters::Local), AttemptDecision::Wait)
            }
        }
    }

    fn consume_locally(&self, buckets: &[Bucket], error: &RedisUnavailable) -> Vec<RateLimitDecision> {
        warn!(error = %error, "Redis unavailable: rate limits are counted in this process only");
        buckets.iter().map(|bucket| self.local.consume(bucket)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn limits_hold_in_this_process_without_redis() {
        let limiter = RateLimiter::new(Redis::new("redis://127.0.0.1:1").unwrap());
        let buckets = [Bucket::new("a", Limit { max: 1, window: Duration::from_mins(1) })];
        assert_eq!(limiter.consume(&buckets).await[0].retry_after, None);
        assert!(limiter.consume(&buckets).await[0].retry_after.is_some());

        let attempt = PasswordAttempt { account: "ada", network: "10.0.0.1" };
        for _ in 0..FREE_ATTEMPTS {
            let decision = limiter.count_password_attempt(attempt).await;
            assert_eq!(decision, AttemptDecision::Compare(Counters::Local));
        }
        assert!(matches!(limiter.count_password_attempt(attempt).await, AttemptDecision::Wait(_)));
    }
}
