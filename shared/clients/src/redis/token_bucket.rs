//! Token buckets by the generic cell rate algorithm (GCRA), for rate limits.
//!
//! A bucket holds `max` tokens and refills evenly over `window`. Unlike a fixed window it never
//! allows twice the limit at a boundary. It is one key that expires when the bucket is full. After
//! an idle time, one window allows a full bucket plus what refills meanwhile.
//!
//! One script decides over several buckets, on Redis's own clock: a request is charged to all of
//! them, or to none when one is empty. The keys of one call lie in different slots, so Redis must
//! not run as a cluster.

use std::time::Duration;

use super::activity::push_activity;
use super::scripts::{CONSUME_TOKENS, FIND_WAIT};
use super::{Redis, RedisUnavailable};

/// The size and refill time of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Tokens in a full bucket.
    pub max: u32,
    /// How long an empty bucket takes to refill.
    pub window: Duration,
}

/// A named bucket, at `rate_limit:{name}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Its size and refill time.
    pub limit: Limit,
}

impl Bucket {
    /// The bucket called `name`.
    pub fn new(name: impl Into<String>, limit: Limit) -> Self {
        Self { name: name.into(), limit }
    }

    pub(super) fn key(&self) -> String {
        format!("rate_limit:{}", self.name)
    }
}

/// The decision of one rate limit over one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitDecision {
    /// The limit.
    pub limit: Limit,
    /// Tokens left after this request.
    pub remaining: u32,
    /// The time until the bucket is full.
    pub resets_in: Duration,
    /// For a refused request: the time until one is allowed.
    pub retry_after: Option<Duration>,
}

/// A decision as scripts return it: tokens left, ms until full, ms until the next token (0:
/// allowed).
pub(super) type RawDecision = (u32, u64, u64);

/// The decisions over `buckets`, from what a script returned.
pub(super) fn decisions(buckets: &[Bucket], raw: Vec<RawDecision>) -> Vec<RateLimitDecision> {
    let decision = |(bucket, raw): (&Bucket, RawDecision)| {
        let (remaining, resets_in, wait) = raw;
        RateLimitDecision {
            limit: bucket.limit,
            remaining,
            resets_in: Duration::from_millis(resets_in),
            retry_after: (wait > 0).then(|| Duration::from_millis(wait)),
        }
    };
    buckets.iter().zip(raw).map(decision).collect()
}

/// A limit as scripts take it: max and window (ms).
pub(super) fn limit_args(limit: Limit) -> [u64; 2] {
    [limit.max.into(), u64::try_from(limit.window.as_millis()).unwrap_or(u64::MAX)]
}

impl Redis {
    /// Takes one token from each of `buckets`, or from none when one is empty.
    pub(super) async fn consume_tokens(
        &self,
        buckets: &[Bucket],
    ) -> Result<Vec<RateLimitDecision>, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        push_consume_tokens(&mut pipeline, buckets);
        push_activity(&mut pipeline);
        let (raw,): (Vec<RawDecision>,) = self.run(&pipeline).await?;
        Ok(decisions(buckets, raw))
    }

    /// The time until each of `buckets` has a token, if one is empty now. Takes none.
    pub(super) async fn find_wait(&self, buckets: &[Bucket]) -> Result<Option<Duration>, RedisUnavailable> {
        let keys: Vec<String> = buckets.iter().map(Bucket::key).collect();
        let limits: Vec<u64> = buckets.iter().flat_map(|bucket| limit_args(bucket.limit)).collect();
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(FIND_WAIT.as_str()).arg(keys.len()).arg(keys).arg(limits);
        let (wait,): (u64,) = self.run(&pipeline).await?;
        Ok((wait > 0).then(|| Duration::from_millis(wait)))
    }
}

/// Adds the consumption of one token from each of `buckets` to `pipeline`.
pub(super) fn push_consume_tokens(pipeline: &mut ::redis::Pipeline, buckets: &[Bucket]) {
    let keys: Vec<String> = buckets.iter().map(Bucket::key).collect();
    let limits: Vec<u64> = buckets.iter().flat_map(|bucket| limit_args(bucket.limit)).collect();
    pipeline.cmd("EVAL").arg(CONSUME_TOKENS.as_str()).arg(keys.len()).arg(keys).arg(limits);
}
