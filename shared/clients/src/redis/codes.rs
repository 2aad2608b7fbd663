//! One-time codes, at `otp:{mobile}:{purpose}`: the keyed hash and the guesses left. Each step is one script, so that
//! parallel guesses cannot share a guess and one code cannot be used twice.

use std::time::Duration;

use domain::MobileNumber;
use domain::otp::{GUESSES, LIFETIME_SECONDS, Purpose, RESEND_SECONDS};

use super::{Redis, RedisUnavailable};

/// Arguments: hash, lifetime (s), guesses, wait before another (s). Answer: ms left to wait (0: the code is kept). A new
/// code replaces the old; one whose guesses are used up stays in its place, so that it cannot be asked for anew at once.
const KEEP: &str = "
local wait = redis.call('PTTL', KEYS[1]) - (ARGV[2] - ARGV[4]) * 1000
if wait > 0 then
    return wait
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'hash', ARGV[1], 'guesses', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 0";

/// Argument: hash. Answer: 1 for the right code, which is gone then; 0 for a wrong one, or none, or no guess left.
const USE: &str = "
local hash = redis.call('HGET', KEYS[1], 'hash')
if not hash or redis.call('HINCRBY', KEYS[1], 'guesses', -1) < 0 or hash ~= ARGV[1] then
    return 0
end
redis.call('DEL', KEYS[1])
return 1";

impl Redis {
    /// Keeps the code whose keyed hash is `hash` for five minutes. Answers the time to wait where the last code for this
    /// number was sent less than a minute ago; then nothing is kept.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn keep_code(
        &self,
        purpose: Purpose,
        number: &MobileNumber,
        hash: &str,
    ) -> Result<Option<Duration>, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline
            .cmd("EVAL")
            .arg(KEEP)
            .arg(1)
            .arg(key(purpose, number))
            .arg(hash)
            .arg(LIFETIME_SECONDS)
            .arg(GUESSES)
            .arg(RESEND_SECONDS);
        let (wait,): (u64,) = self.run_once(&pipeline).await?;
        Ok((wait > 0).then(|| Duration::from_millis(wait)))
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
