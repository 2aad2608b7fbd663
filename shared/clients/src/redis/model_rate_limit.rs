//! Taking turns at a model, across all workers: the vendor's quota a minute, a breaker for its outages, and models that
//! are used up. One trip before a call ([`Redis::admit`]) and one after it ([`Redis::settle`]), each one script on Redis's
//! own clock.
//!
//! Keys, `{model}` keeping them together in a cluster: `gemini:{model}:calls` (the calls of the last minute by time),
//! `gemini:{model}:tokens` (what each has reserved, and `sum`), `gemini:{model}:state`.
//!
//! Calls that do not get their turn are told to come back one after the other, each a place further down a line: all
//! told the same time, they would come back together, and all but one in vain. Newcomers stand at its end.

use std::time::Duration;

use domain::model_quota::{Admission, ModelQuota, WINDOW, WaitReason};
use uuid::Uuid;

use super::{Redis, RedisUnavailable};

/// How long one call may probe whether the vendor has recovered before another may.
const PROBE: Duration = Duration::from_mins(1);
/// How long a model stays out of use whose daily quota is used up, or which is gone, before it is asked once more.
const EXHAUSTED: Duration = Duration::from_mins(10);
/// How long is waited after a 429 that does not say for how long.
const QUOTA_PAUSE: Duration = Duration::from_secs(10);
/// How long one 429 can keep everybody waiting at the most; the next renews it.
const LONGEST_PAUSE: Duration = Duration::from_mins(2);

/// A call about to be made.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The model.
    pub model: &'a str,
    /// Names the call.
    pub call: Uuid,
    /// The tokens to reserve.
    pub tokens: u32,
    /// Whether it has had to wait before: then it need not stand in line again.
    pub has_waited: bool,
    /// How long it would wait at the most.
    pub patience: Duration,
}

/// When the breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Calls that fail one after the other before it opens.
    pub failures: u32,
    /// How long no call is made then.
    pub pause: Duration,
}

/// How a call that was admitted ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// With an answer, or with a refusal that only one who is well can give.
    Well {
        /// The tokens of the prompt, where the vendor said.
        prompt_tokens: Option<u32>,
    },
    /// The vendor was overloaded, or did not answer.
    Overloaded,
    /// A quota a minute was used up, for others use it too, or ours is smaller than we think.
    QuotaExceeded {
        /// How long the vendor asks to wait.
        retry_delay: Option<Duration>,
    },
    /// The daily quota is used up, or the model is gone.
    Exhausted,
}

/// Arguments: call, tokens, requests and tokens a minute, window (ms), whether it has waited (0, 1), patience (ms), probe
/// (ms). Answer: 0 go, 1 wait for the quota, 2 wait for the vendor, 3 used up; and ms to wait.
const ADMIT: &str = "
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local calls, tokens, state = KEYS[1], KEYS[2], KEYS[3]
local call, wanted, window = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[5])
local max_calls, max_tokens = tonumber(ARGV[3]), tonumber(ARGV[4])
local function at(field) return tonumber(redis.call('HGET', state, field) or 0) end

if at('exhausted_until') > now then
    return {3, at('exhausted_until') - now}
end
local recovering = at('open_until') > 0
if at('open_until') > now then
    return {2, at('open_until') - now}
elseif recovering and at('probe_until') > now then
    return {2, math.min(at('probe_until') - now, 20000)}
end

local left = redis.call('ZRANGEBYSCORE', calls, '-inf', now - window)
for _, old in ipairs(left) do
    redis.call('HINCRBY', tokens, 'sum', 0 - (redis.call('HGET', tokens, old) or 0))
    redis.call('HDEL', tokens, old)
end
redis.call('ZREMRANGEBYSCORE', calls, '-inf', now - window)

local wait = at('paused_until') - now
if ARGV[6] == '0' then
    wait = math.max(wait, at('line') - now)
end
local count = redis.call('ZCARD', calls)
if count >= max_calls then
    local leaving = redis.call('ZRANGE', calls, count - max_calls, count - max_calls, 'WITHSCORES')
    wait = math.max(wait, leaving[2] + window - now)
end
local missing = tonumber(redis.call('HGET', tokens, 'sum') or 0) + wanted - max_tokens
if missing > 0 then
    local oldest = redis.call('ZRANGE', calls, 0, -1, 'WITHSCORES')
    for i = 1, #oldest, 2 do
        missing = missing - (redis.call('HGET', tokens, oldest[i]) or 0)
        if missing <= 0 then
            wait = math.max(wait, oldest[i + 1] + window - now)
            break
        end
    end
end
if wait > 0 then
    local patience = tonumber(ARGV[7])
    local in_line = math.max(wait, at('line') - now)
    -- One who has waited and missed its turn by a moment must not fail for want of time to wait once more.
    if ARGV[6] == '1' and wait <= patience and in_line > patience then
        return {1, math.ceil(wait)}
    end
    wait = in_line
    if wait <= patience then
        local place = math.max(window / max_calls, window * wanted / max_tokens)
        redis.call('HSET', state, 'line', math.ceil(now + wait + place))
        redis.call('PEXPIRE', state, math.max(3600000, wait + window))
    end
    return {1, math.ceil(wait)}
end

redis.call('HINCRBY', tokens, 'sum', wanted - (redis.call('HGET', tokens, call) or 0))
redis.call('HSET', tokens, call, wanted)
redis.call('ZADD', calls, now, call)
redis.call('PEXPIRE', tokens, 2 * window)
redis.call('PEXPIRE', calls, 2 * window)
if recovering then
    redis.call('HSET', state, 'probe_until', now + ARGV[8])
end
return {0, 0}";

/// Arguments: call, outcome, then by outcome: `well`: tokens or ''; `overloaded`: failures, pause (ms); `quota` and
/// `exhausted`: pause (ms).
const SETTLE: &str = "
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local tokens, state = KEYS[1], KEYS[2]
local call, outcome = ARGV[1], ARGV[2]
local function until_at_least(field, time)
    redis.call('HSET', state, field, math.max(tonumber(redis.call('HGET', state, field) or 0), time))
end

if outcome == 'overloaded' then
    local recovering = redis.call('HEXISTS', state, 'open_until') == 1
    local failures = redis.call('HINCRBY', state, 'failures', 1)
    if recovering or failures >= tonumber(ARGV[3]) then
        redis.call('HSET', state, 'open_until', now + ARGV[4])
        redis.call('HDEL', state, 'probe_until')
    end
else
    redis.call('HDEL', state, 'failures', 'open_until', 'probe_until')
    local reserved = redis.call('HGET', tokens, call)
    if outcome == 'well' and ARGV[3] ~= '' and reserved then
        redis.call('HINCRBY', tokens, 'sum', ARGV[3] - reserved)
        redis.call('HSET', tokens, call, ARGV[3])
    elseif outcome == 'quota' then
        until_at_least('paused_until', now + ARGV[3])
    elseif outcome == 'exhausted' then
        until_at_least('exhausted_until', now + ARGV[3])
    end
end
if redis.call('PTTL', state) < 3600000 then
    redis.call('PEXPIRE', state, 3600000)
end";

impl Redis {
    /// Asks for a turn at a model. One that is given counts, whether the call is then made or not.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn admit(&self, ask: Ask<'_>, quota: ModelQuota) -> Result<Admission, RedisUnavailable> {
        let [calls, tokens, state] = keys(ask.model);
        let mut pipeline = ::redis::pipe();
        pipeline
            .cmd("EVAL")
            .arg(ADMIT)
            .arg(3)
            .arg(&[calls, tokens, state])
            .arg(ask.call.to_string())
            .arg(&[ask.tokens, quota.requests, quota.tokens])
            .arg(milliseconds(WINDOW))
            .arg(u8::from(ask.has_waited))
            .arg(&[milliseconds(ask.patience), milliseconds(PROBE)]);
        let ((verdict, wait),): ((u8, u64),) = self.run(&pipeline).await?;
        let wait = Duration::from_millis(wait);
        Ok(match verdict {
            0 => Admission::Go,
            1 => Admission::Wait(wait, WaitReason::Quota),
            2 => Admission::Wait(wait, WaitReason::Outage),
            _ => Admission::Exhausted,
        })
    }

    /// Says how a call to `model` ended: corrects what was reserved for it, and tells the others what it found.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn settle(
        &self,
        model: &str,
        call: Uuid,
        settlement: Settlement,
        breaker: BreakerSettings,
    ) -> Result<(), RedisUnavailable> {
        let [_, tokens, state] = keys(model);
        let mut pipeline = ::redis::pipe();
        let eval = pipeline.cmd("EVAL").arg(SETTLE).arg(2).arg(&[tokens, state]).arg(call.to_string());
        match settlement {
            Settlement::Well { prompt_tokens } => {
                eval.arg("well").arg(prompt_tokens.map(|tokens| tokens.to_string()).unwrap_or_default())
            }
            Settlement::Overloaded => {
                eval.arg("overloaded").arg(breaker.failures).arg(milliseconds(breaker.pause))
            }
            Settlement::QuotaExceeded { retry_delay } => {
                let pause = retry_delay.unwrap_or(QUOTA_PAUSE).min(LONGEST_PAUSE);
                eval.arg("quota").arg(milliseconds(pause))
            }
            Settlement::Exhausted => eval.arg("exhausted").arg(milliseconds(EXHAUSTED)),
        };
        self.run(pipeline.ignore()).await
    }
}

fn keys(model: &str) -> [String; 3] {
    ["calls", "tokens", "state"].map(|what| format!("gemini:{{{model}}}:{what}"))
}

/// Bounded by a day, which no wait of ours reaches, so that Redis's doubles stay exact.
fn milliseconds(duration: Duration) -> u64 {
    const DAY: u64 = 86_400_000;
    u64::try_from(duration.as_millis()).unwrap_or(DAY).min(DAY)
}
