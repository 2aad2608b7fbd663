//! Rate limits by the generic cell rate algorithm (GCRA): a bucket of `max` requests that fills up evenly over `window`.
//! It has no seam at which twice the limit gets through at once, and is one key that expires when the bucket is full. What is
//! let through in one window after a quiet time is a full bucket and what fills up meanwhile.
//!
//! Several buckets are looked at by one script, on Redis's own clock: a request is charged to all of them, or, where one is
//! empty, to none. The keys of one call lie in different slots, so this wants a Redis that is not a cluster.

use std::time::Duration;

use super::activity::add_activity;
use super::{Redis, RedisUnavailable};

/// How many requests in how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Requests that a full bucket holds.
    pub max: u32,
    /// How long an empty bucket takes to fill up.
    pub window: Duration,
}

/// A bucket: what it is called, at the key `rate_limit:{name}`, and how much it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Its size.
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

/// What a limit says of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitDecision {
    /// The limit.
    pub limit: Limit,
    /// Requests left after this one.
    pub remaining: u32,
    /// When the bucket is full again.
    pub resets_in: Duration,
    /// For a request that is refused: when one will be let through.
    pub retry_after: Option<Duration>,
}

/// A decision as scripts answer it: requests left, ms until full, ms until the next is let through (0: it is).
pub(super) type Told = (u32, u64, u64);

impl RateLimitDecision {
    pub(super) fn read(limit: Limit, (remaining, resets, wait): Told) -> Self {
        Self {
            limit,
            remaining,
            resets_in: Duration::from_millis(resets),
            retry_after: (wait > 0).then(|| Duration::from_millis(wait)),
        }
    }
}

/// A limit as scripts take it.
pub(super) fn numbers(limit: Limit) -> [u64; 2] {
    [limit.max.into(), u64::try_from(limit.window.as_millis()).unwrap_or(u64::MAX)]
}

/// `take(buckets)`, a list of `{key, max, window in ms}`: charges one request to all, or to none. Answers for each
/// [`Told`].
macro_rules! gcra {
    () => {
        "
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function take(buckets)
    local refused = false
    for _, bucket in ipairs(buckets) do
        local max, window = tonumber(bucket[2]), tonumber(bucket[3])
        bucket.interval = window / max
        bucket.full_at = math.max(tonumber(redis.call('GET', bucket[1]) or 0), now)
        bucket.wait = bucket.full_at + bucket.interval - window - now
        refused = refused or bucket.wait > 0.5
    end
    local told = {}
    for _, bucket in ipairs(buckets) do
        local wait = bucket.wait > 0.5 and math.ceil(bucket.wait) or 0
        if not refused then
            bucket.full_at = bucket.full_at + bucket.interval
            redis.call('SET', bucket[1], string.format('%.3f', bucket.full_at), 'PX', math.ceil(bucket.full_at - now))
        end
        local left = math.floor((now + bucket[3] - bucket.full_at) / bucket.interval + 0.001)
        told[#told + 1] = {wait > 0 and 0 or math.max(0, left), math.ceil(bucket.full_at - now), wait}
    end
    return told, refused
end
"
    };
}
pub(super) use gcra;

/// Arguments: max and window (ms) of each key.
const TAKE: &str = concat!(
    gcra!(),
    "
local buckets = {}
for i, key in ipairs(KEYS) do
    buckets[i] = {key, ARGV[2 * i - 1], ARGV[2 * i]}
end
return (take(buckets))"
);

impl Redis {
    /// Takes one request from each of `buckets`, or, where one is empty, from none. Answers for each of them.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn take(&self, buckets: &[Bucket]) -> Result<Vec<RateLimitDecision>, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        add_take(&mut pipeline, buckets);
        add_activity(&mut pipeline);
        let (told,): (Vec<Told>,) = self.run(&pipeline).await?;
        Ok(decisions(buckets, told))
    }
}

/// Adds a [`TAKE`] to what is sent.
pub(super) fn add_take(pipeline: &mut ::redis::Pipeline, buckets: &[Bucket]) {
    let keys: Vec<String> = buckets.iter().map(Bucket::key).collect();
    let sizes: Vec<u64> = buckets.iter().flat_map(|bucket| numbers(bucket.limit)).collect();
    pipeline.cmd("EVAL").arg(TAKE).arg(keys.len()).arg(keys).arg(sizes);
}

/// What was told of each of `buckets`.
pub(super) fn decisions(buckets: &[Bucket], told: Vec<Told>) -> Vec<RateLimitDecision> {
    buckets.iter().zip(told).map(|(bucket, told)| RateLimitDecision::read(bucket.limit, told)).collect()
}
