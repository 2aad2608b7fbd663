//! One-time codes, at `otp:{mobile}:{purpose}`: the keyed hash and the guesses left. Each step is one script, so that
//! parallel guesses cannot share a guess and one code cannot be used twice.

use std::time::Duration;

use domain::MobileNumber;
use domain::otp::{LIFETIME_SECONDS, MAX_ATTEMPTS, Purpose, RESEND_SECONDS};

use super::limits::{Bucket, Told, gcra, numbers};
use super::{Redis, RedisUnavailable};

/// Keys: the code, then buckets. Arguments: hash, lifetime (s), guesses, wait before another (s), max and window (ms) of each
/// bucket. Answer: ms left to wait for another (0: none), and what is told of the buckets; the code is kept where neither
/// has one wait. A new code replaces the old; one whose guesses are used up stays in its place, so that it cannot be asked
/// for anew at once.
const KEEP: &str = concat!(
    gcra!(),
    "
local left = redis.call('PTTL', KEYS[1]) - (ARGV[2] - ARGV[4]) * 1000
if left > 0 then
    return {left, {}}
end
local buckets = {}
for i = 2, #KEYS do
    buckets[i - 1] = {KEYS[i], ARGV[2 * i + 1], ARGV[2 * i + 2]}
end
local told, refused = take(buckets)
if not refused then
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[1], 'hash', ARGV[1], 'guesses', ARGV[3])
    redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return {0, told}"
);

/// Keys: the code, then buckets. Arguments: max and window (ms) of each bucket.
const FORGET: &str = "
redis.call('DEL', KEYS[1])
for i = 2, #KEYS do
    local full_at, left = tonumber(redis.call('GET', KEYS[i]) or 0), redis.call('PTTL', KEYS[i])
    local interval = ARGV[2 * i - 2] / ARGV[2 * i - 3]
    if left > interval then
        redis.call('SET', KEYS[i], string.format('%.3f', full_at - interval), 'PX', math.ceil(left - interval))
    elseif left > 0 then
        redis.call('DEL', KEYS[i])
    end
end";

/// Argument: hash. Answer: 1 for the right code, which is gone then; 0 for a wrong one, or none, or no guess left.
const USE: &str = "
local hash = redis.call('HGET', KEYS[1], 'hash')
if not hash or redis.call('HINCRBY', KEYS[1], 'guesses', -1) < 0 or hash ~= ARGV[1] then
    return 0
end
redis.call('DEL', KEYS[1])
return 1";

/// What came of keeping a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is kept.
    Kept,
    /// The last one was sent less than a minute ago; another can be after this.
    SentRecently(Duration),
    /// A limit is used up; the next is let through after this.
    Limited(Duration),
}

impl Redis {
    /// Keeps the code whose keyed hash is `hash` for five minutes and charges it to each of `buckets`; or does neither, where
    /// the last code for this number was sent less than a minute ago, or a bucket is empty.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn keep_code(
        &self,
        purpose: Purpose,
        number: &MobileNumber,
        hash: &str,
        buckets: &[Bucket],
    ) -> Result<Kept, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(KEEP).arg(buckets.len() + 1).arg(key(purpose, number));
        pipeline.arg(buckets.iter().map(Bucket::key).collect::<Vec<_>>());
        pipeline.arg(hash).arg(LIFETIME_SECONDS).arg(MAX_ATTEMPTS).arg(RESEND_SECONDS);
        pipeline.arg(buckets.iter().flat_map(|bucket| numbers(bucket.limit)).collect::<Vec<_>>());
        let ((left, told),): ((u64, Vec<Told>),) = self.run_once(&pipeline).await?;
        let longest = told.into_iter().map(|(_, _, wait)| wait).max().unwrap_or(0);
        Ok(match (left, longest) {
            (0, 0) => Kept::Kept,
            (0, wait) => Kept::Limited(Duration::from_millis(wait)),
            (left, _) => Kept::SentRecently(Duration::from_millis(left)),
        })
    }

    /// Forgets a code that could not be sent, so that another can be asked for at once, and gives back what it was charged to.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn forget_code(
        &self,
        purpose: Purpose,
        number: &MobileNumber,
        buckets: &[Bucket],
    ) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(FORGET).arg(buckets.len() + 1).arg(key(purpose, number));
        pipeline.arg(buckets.iter().map(Bucket::key).collect::<Vec<_>>());
        pipeline.arg(buckets.iter().flat_map(|bucket| numbers(bucket.limit)).collect::<Vec<_>>());
        self.run_once(pipeline.ignore()).await
    }

    /// Uses up a guess, and the code with it if `hash` is its keyed hash. Answers whether it was.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn use_code(
        &self,
        purpose: Purpose,
        number: &MobileNumber,
        hash: &str,
    ) -> Result<bool, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(USE).arg(1).arg(key(purpose, number)).arg(hash);
        let (used,): (bool,) = self.run_once(&pipeline).await?;
        Ok(used)
    }
}

fn key(purpose: Purpose, number: &MobileNumber) -> String {
    format!("otp:{number}:{}", purpose.as_str())
}
