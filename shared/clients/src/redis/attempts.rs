//! Guesses at a password, at `login:{account}` and `login:{account}:{network}`: after a few the next has to wait, each time
//! for longer.
//!
//! A guess is counted before it is looked at, so that guesses made at once cannot share one. Networks from which the account
//! was opened before are counted apart, each for itself: whoever guesses from elsewhere keeps the owner out of nothing.

use std::time::Duration;

use super::{Redis, RedisUnavailable};

/// Guesses that need not wait.
pub const FREE: u32 = 5;
/// The wait after the last of these; it doubles from there.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// How long guesses are remembered.
const MEMORY: Duration = Duration::from_hours(24);
/// How long networks are remembered from which an account was opened, and how many.
const ACQUAINTANCE: Duration = Duration::from_hours(90 * 24);
const ACQUAINTANCES: isize = 20;

/// Keys: the networks that are known, the guesses from this one, those from all others. Arguments: free guesses, first and
/// longest wait (ms), memory (ms), the network. Answer: ms to wait (0: the guess is counted).
const COUNT: &str = "
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local key = redis.call('ZSCORE', KEYS[1], ARGV[5]) and KEYS[2] or KEYS[3]
local kept = redis.call('HMGET', key, 'guesses', 'next_at')
local guesses, next_at = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0
if next_at > now then
    return next_at - now
end
guesses = guesses + 1
local wait = 0
if guesses >= tonumber(ARGV[1]) then
    wait = math.min(ARGV[3], ARGV[2] * 2 ^ math.min(guesses - ARGV[1], 20))
end
redis.call('HSET', key, 'guesses', guesses, 'next_at', string.format('%.0f', now + wait))
redis.call('PEXPIRE', key, ARGV[4])
return 0";

/// Key: the networks that are known. Arguments: the network, how many are remembered, for how long (s).
const REMEMBER: &str = "
redis.call('ZADD', KEYS[1], redis.call('TIME')[1], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[2] - 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])";

/// Whose password is guessed at, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// What the account is known by.
    pub account: &'a str,
    /// The network of the client.
    pub network: &'a str,
}

impl Attempt<'_> {
    fn known(&self) -> String {
        format!("login_from:{}", self.account)
    }

    fn own(&self) -> String {
        format!("login:{}:{}", self.account, self.network)
    }

    fn shared(&self) -> String {
        format!("login:{}", self.account)
    }
}

impl Redis {
    /// Counts a guess, or answers how long it has to wait.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn count_guess(&self, attempt: Attempt<'_>) -> Result<Option<Duration>, RedisUnavailable> {
        let times = [FIRST_WAIT, LONGEST_WAIT, MEMORY].map(|time| time.as_secs() * 1_000);
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(COUNT).arg(3).arg(attempt.known()).arg(attempt.own()).arg(attempt.shared());
        pipeline.arg(FREE).arg(&times).arg(attempt.network);
        let (wait,): (u64,) = self.run(&pipeline).await?;
        Ok((wait > 0).then(|| Duration::from_millis(wait)))
    }

    /// Forgets the guesses after a right one, and remembers the network.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn forgive_guesses(&self, attempt: Attempt<'_>) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("DEL").arg(attempt.own()).arg(attempt.shared()).ignore();
        // The order in which they were seen, the latest last, on Redis's own clock.
        pipeline.cmd("EVAL").arg(REMEMBER).arg(1).arg(attempt.known());
        pipeline.arg(attempt.network).arg(ACQUAINTANCES).arg(ACQUAINTANCE.as_secs()).ignore();
        self.run(&pipeline).await
    }

    /// Forgets all that is known of an account: the guesses from elsewhere, and from where it was opened.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn forget_guesses(&self, attempt: Attempt<'_>) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("DEL").arg(attempt.own()).arg(attempt.shared()).arg(attempt.known());
        self.run(pipeline.ignore()).await
    }
}
