//! Guesses at a password: after a few the next has to wait, each time for longer.
//!
//! They are counted by account and network, at `login:{account}:{network}`, and by account over all networks from which it was
//! not opened before, at `login:{account}`: whoever guesses from one network keeps nobody out elsewhere, and whoever guesses
//! from a thousand of them keeps out at the most those who come from one that is new. A guess is counted before it is looked
//! at, so that guesses made at once cannot share one.

use std::time::Duration;

use super::{Redis, RedisUnavailable};

/// Guesses from one network that need not wait.
pub const FREE: u32 = 5;
/// Guesses from all that are not known.
const FREE_SHARED: u32 = 50;
/// The wait after the last of these; it doubles from there.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// How long guesses are remembered.
const MEMORY: Duration = Duration::from_hours(24);
/// How long networks are remembered from which an account was opened, and how many.
const ACQUAINTANCE: Duration = Duration::from_hours(90 * 24);
const ACQUAINTANCES: isize = 20;

/// Keys: the networks that are known, the guesses from this one, those from all that are not. Arguments: free guesses from one
/// and from all, first and longest wait (ms), memory (ms), the network. Answer: ms to wait (0: the guess is counted).
const COUNT: &str = "
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local counters = {{KEYS[2], tonumber(ARGV[1])}}
if not redis.call('ZSCORE', KEYS[1], ARGV[6]) then
    counters[2] = {KEYS[3], tonumber(ARGV[2])}
end
local left = 0
for _, counter in ipairs(counters) do
    local kept = redis.call('HMGET', counter[1], 'guesses', 'next_at')
    counter.guesses = tonumber(kept[1]) or 0
    left = math.max(left, (tonumber(kept[2]) or 0) - now)
end
if left > 0 then
    return left
end
for _, counter in ipairs(counters) do
    local guesses, wait = counter.guesses + 1, 0
    if guesses >= counter[2] then
        wait = math.min(ARGV[4], ARGV[3] * 2 ^ math.min(guesses - counter[2], 20))
    end
    redis.call('HSET', counter[1], 'guesses', guesses, 'next_at', string.format('%.0f', now + wait))
    redis.call('PEXPIRE', counter[1], ARGV[5])
end
return 0";

/// Keys: the networks that are known, the guesses from this one, those from all that are not. Argument: the network. Takes back what
/// [`COUNT`] has counted, and the wait that came of it.
const GIVE_BACK: &str = "
local counters = {KEYS[2]}
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
    counters[2] = KEYS[3]
end
for _, counter in ipairs(counters) do
    if (tonumber(redis.call('HGET', counter, 'guesses')) or 0) > 0 then
        redis.call('HINCRBY', counter, 'guesses', -1)
        redis.call('HDEL', counter, 'next_at')
    end
end";

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
        pipeline.arg(FREE).arg(FREE_SHARED).arg(&times).arg(attempt.network);
        let (wait,): (u64,) = self.run(&pipeline).await?;
        Ok((wait > 0).then(|| Duration::from_millis(wait)))
    }

    /// Takes a counted guess back that could not be looked at.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn give_guess_back(&self, attempt: Attempt<'_>) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(GIVE_BACK).arg(3);
        pipeline.arg(attempt.known()).arg(attempt.own()).arg(attempt.shared()).arg(attempt.network);
        self.run_once(pipeline.ignore()).await
    }

    /// Forgets the guesses after a right one, and remembers the network.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn forgive_guesses(&self, attempt: Attempt<'_>) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("DEL").arg(attempt.own()).arg(attempt.shared()).ignore();
        add_remember(&mut pipeline, attempt);
        self.run(&pipeline).await
    }

    /// Remembers the network of somebody who has an account opened: guesses from elsewhere do not keep them out.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn remember_network(&self, attempt: Attempt<'_>) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        add_remember(&mut pipeline, attempt);
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

fn add_remember(pipeline: &mut ::redis::Pipeline, attempt: Attempt<'_>) {
    // The order in which they were seen, the latest last, on Redis's own clock.
    pipeline.cmd("EVAL").arg(REMEMBER).arg(1).arg(attempt.known());
    pipeline.arg(attempt.network).arg(ACQUAINTANCES).arg(ACQUAINTANCE.as_secs()).ignore();
}
