//! Rate limits by the generic cell rate algorithm (GCRA): a bucket of `max` requests that fills up evenly over `window`.
//! It never lets twice the limit through at the seam of two windows, and is one key that expires when the bucket is full.

use std::time::Duration;

use super::{Redis, RedisUnavailable};

/// How many requests in how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Requests that a full bucket holds.
    pub max: u32,
    /// How long an empty bucket takes to fill up.
    pub window: Duration,
}

/// What a limit says of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The limit.
    pub limit: Limit,
    /// Requests left after this one.
    pub remaining: u32,
    /// When the bucket is full again.
    pub resets_in: Duration,
    /// For a request that is refused: when one will be let through.
    pub retry_after: Option<Duration>,
}

/// Arguments: limit, window (ms). Answer: requests left, ms until full, ms until the next is let through (0: it is).
/// The clock is Redis's own, so that all who share the limit share the time. Redis does one bucket to its end before
/// anything else.
const GCRA: &str = "
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local window = tonumber(ARGV[2])
local interval = window / ARGV[1]
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local wait = full_at + interval - window - now
if wait > 0.5 then
    return {0, math.ceil(full_at - now), math.ceil(wait)}
end
full_at = full_at + interval
redis.call('SET', KEYS[1], string.format('%.3f', full_at), 'PX', math.ceil(full_at - now))
return {math.max(0, math.floor((now + window - full_at) / interval + 0.001)), math.ceil(full_at - now), 0}";

impl Redis {
    /// Takes one request from the bucket called `name`, at the key `rate_limit:{name}`.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn take(&self, name: &str, limit: Limit) -> Result<Verdict, RedisUnavailable> {
        let window = u64::try_from(limit.window.as_millis()).unwrap_or(u64::MAX);
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(GCRA).arg(1).arg(format!("rate_limit:{name}")).arg(limit.max).arg(window);
        let ((remaining, resets, wait),): ((u32, u64, u64),) = self.run(&pipeline).await?;
        Ok(Verdict {
            limit,
            remaining,
            resets_in: Duration::from_millis(resets),
            retry_after: (wait > 0).then(|| Duration::from_millis(wait)),
        })
    }
}
