//! [`ModelRateLimiter`]: which calls to a model may be made now, over all workers.
//!
//! It keeps to the vendor's quota per minute, opens a circuit breaker during the vendor's outages,
//! and excludes models whose daily quota is used up. It takes one round trip before a call and one
//! after it, each one script on Redis's own clock. Without Redis, each process keeps to its own
//! share of the quota by a log of its own calls.
//!
//! Keys, in one cluster slot by `{model}`: `gemini:{model}:calls` (the calls of the last minute by
//! time), `gemini:{model}:tokens` (what each has reserved, and `sum`), `gemini:{model}:state`,
//! `gemini:{model}:failures` (the failures since the last success, by hash of the user id), and
//! `gemini:{model}:places:` with the hash of a user id (the places of the user in the line).
//!
//! Calls that must wait form a line: each gets a time one place further back. With one time for
//! all, they would return together, and all but one would wait again. New calls join at the end. A
//! user has at most [`MAX_IN_FLIGHT`] places ahead: a further call takes over that of a call that was
//! cancelled.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::UserId;
use domain::backoff::MIN_WAIT;
use domain::fingerprint::fingerprint;
use domain::message::{ErrorCode, WaitReason};
use domain::model_quota::{Admission, CallLog, MAX_IN_FLIGHT, ModelQuota, WINDOW};
use tracing::warn;
use uuid::Uuid;

use super::scripts::{ADMIT_MODEL_CALL, RECORD_MODEL_CALL};
use super::{Redis, RedisUnavailable};
use crate::gemini::{Answer, GenerateError, TokenUsage};

/// How long one half-open probe of the circuit breaker excludes another.
const PROBE: Duration = Duration::from_mins(1);
/// How long an exhausted or missing model is excluded before it is called again.
const EXHAUSTED: Duration = Duration::from_mins(10);
/// The pause after a 429 without a retry delay.
const QUOTA_PAUSE: Duration = Duration::from_secs(10);
/// The longest pause after one 429; the next 429 renews it. The pause begins at [`MIN_WAIT`] and
/// doubles with each 429.
const LONGEST_PAUSE: Duration = Duration::from_mins(2);
/// How long after its last occurrence a refusal of the account is reported.
const REFUSAL_TTL: Duration = Duration::from_mins(15);

/// A call about to be made.
#[derive(Debug, Clone, Copy)]
pub struct ModelCall<'a> {
    /// The model.
    pub model: &'a str,
    /// Whose call it is.
    pub user: UserId,
    /// Identifies the answer or title over all calls for it, by its place in the line.
    pub waiting_id: Uuid,
    /// Identifies the call; asking again with the same id reserves nothing twice.
    pub id: Uuid,
    /// The tokens to reserve.
    pub tokens: u32,
    /// Whether the call has waited before; it then need not join the line again.
    pub has_waited: bool,
    /// The longest time that the call can still wait.
    pub max_wait: Duration,
}

/// When the circuit breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Consecutive failures that open it. One user counts for at most half of them, so it takes
    /// the failures of two users.
    pub failures: u32,
    /// How long it stays open before a half-open probe.
    pub open_time: Duration,
}

/// What a [`ModelRateLimiter`] enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelLimits {
    /// The vendor's quota for each model.
    pub quota: ModelQuota,
    /// The circuit breaker of each model.
    pub breaker: BreakerSettings,
    /// The most workers at once; without Redis, each takes its share of the quota.
    pub workers: u32,
}

/// How an admitted call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// The vendor answered, or refused for a reason that shows it is healthy.
    Responded {
        /// The tokens of the prompt, when the vendor reported them.
        prompt_tokens: Option<u32>,
    },
    /// The vendor failed with a 5xx, or the call failed on the network or timed out. Nothing else
    /// counts for the circuit breaker.
    Overloaded,
    /// The quota per minute was used up: others share it, or it is smaller than configured.
    QuotaExceeded {
        /// How long the vendor asks clients to wait.
        retry_delay: Option<Duration>,
    },
    /// The daily quota is used up, or the model does not exist.
    Exhausted,
    /// The vendor refuses the account: its key, or for lack of money.
    Refused {
        /// The code with which messages fail.
        code: ErrorCode,
    },
}

impl CallOutcome {
    fn responded(usage: TokenUsage) -> Self {
        let prompt_tokens = u32::try_from(usage.prompt_tokens).ok().filter(|tokens| *tokens > 0);
        Self::Responded { prompt_tokens }
    }
}

impl From<&Result<Answer, GenerateError>> for CallOutcome {
    fn from(result: &Result<Answer, GenerateError>) -> Self {
        match result {
            Ok(answer) => Self::responded(answer.usage),
            Err(
                GenerateError::Overloaded { status: 500.., .. }
                | GenerateError::Timeout
                | GenerateError::Stalled
                | GenerateError::Unreachable { .. }
                | GenerateError::ConnectionLost { .. },
            ) => Self::Overloaded,
            Err(GenerateError::MinuteQuota { retry_delay, .. }) => {
                Self::QuotaExceeded { retry_delay: *retry_delay }
            }
            Err(GenerateError::DailyQuota { .. } | GenerateError::ModelNotFound { .. }) => Self::Exhausted,
            Err(error @ (GenerateError::KeyRejected { .. } | GenerateError::Billing { .. })) => {
                Self::Refused { code: error.error_code() }
            }
            Err(error) => Self::responded(error.usage()),
        }
    }
}

/// Decides which calls to the models may be made.
#[derive(Debug)]
pub struct ModelRateLimiter {
    redis: Redis,
    limits: ModelLimits,
    /// The calls of this process, by model. They are logged while Redis is available too, so that
    /// they count once it is not.
    local: Mutex<HashMap<String, CallLog>>,
}

impl ModelRateLimiter {
    /// A limiter that counts in `redis`.
    #[must_use]
    pub fn new(redis: Redis, limits: ModelLimits) -> Self {
        Self { redis, limits, local: Mutex::default() }
    }

    /// Decides whether `call` may be made. A granted call counts even if it is then not made.
    pub async fn admit(&self, call: ModelCall<'_>, now: DateTime<Utc>) -> Admission {
        let admission = match self.redis.admit_model_call(call, self.limits.quota).await {
            Ok(admission) => admission,
            Err(error) => {
                warn!(error = %error, model = call.model, "Redis unavailable: this worker uses its own share of Gemini's quota");
                let ModelLimits { quota, workers, .. } = self.limits;
                self.logs().entry(call.model.to_owned()).or_default().admit(now, call.tokens, quota, workers)
            }
        };
        if admission == Admission::Granted {
            self.logs().entry(call.model.to_owned()).or_default().record(now, call.tokens);
        }
        admission
    }

    /// Reports to all workers how a granted call of `user` ended, and corrects the tokens that it
    /// reserved. Returns how long the model is paused for after
    /// [`QuotaExceeded`](CallOutcome::QuotaExceeded), and `None` without Redis.
    pub async fn record(
        &self,
        model: &str,
        call_id: Uuid,
        user: UserId,
        outcome: CallOutcome,
    ) -> Option<Duration> {
        let recorded = self.redis.record_model_call(model, call_id, user, outcome, self.limits.breaker);
        let warn = |error: &RedisUnavailable| {
            warn!(error = %error, model, "failed to record the outcome of a Gemini call for other workers");
        };
        recorded.await.inspect_err(warn).ok()
    }

    /// Why the vendor refused the account at the last call to one of `models`: the code of a refusal
    /// in the last 15 minutes without a success since. Costs one round trip.
    pub async fn find_refusal(&self, models: &[&str]) -> Result<Option<String>, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        for model in models {
            let [_, _, state, _] = keys(model);
            pipeline.cmd("HMGET").arg(state).arg(&["refused_code", "refused_until"]);
        }
        pipeline.cmd("TIME");
        let mut results: Vec<Vec<Option<String>>> = self.redis.run(&pipeline).await?;
        let time = results.pop().and_then(|time| time.into_iter().next().flatten());
        let now: u64 = time.and_then(|seconds| seconds.parse().ok()).unwrap_or_default();
        let refusals = results.into_iter().filter_map(|fields| match <[_; 2]>::try_from(fields) {
            Ok([Some(code), Some(until)]) => Some((code, until.parse::<u64>().ok()?)),
            _ => None,
        });
        Ok(refusals.into_iter().find(|(_, until)| *until > now * 1_000).map(|(code, _)| code))
    }

    fn logs(&self) -> MutexGuard<'_, HashMap<String, CallLog>> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Redis {
    async fn admit_model_call(
        &self,
        call: ModelCall<'_>,
        quota: ModelQuota,
    ) -> Result<Admission, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        let user = fingerprint(call.user.to_string().as_bytes());
        pipeline.cmd("EVAL").arg(ADMIT_MODEL_CALL.as_str()).arg(4).arg(&keys(call.model)[..3]);
        pipeline.arg(format!("gemini:{{{}}}:places:{user}", call.model));
        pipeline.arg(call.id.to_string()).arg(&[call.tokens, quota.requests, quota.tokens]);
        pipeline.arg(milliseconds(WINDOW)).arg(u8::from(call.has_waited));
        pipeline.arg(&[milliseconds(call.max_wait), milliseconds(PROBE)]).arg(MAX_IN_FLIGHT);
        pipeline.arg(call.waiting_id.to_string());
        let ((decision, wait),): ((u8, u64),) = self.run(&pipeline).await?;
        let wait = Duration::from_millis(wait);
        Ok(match decision {
            0 => Admission::Granted,
            1 => Admission::Wait(wait, WaitReason::RateLimit),
            2 => Admission::Wait(wait, WaitReason::Outage),
            _ => Admission::Exhausted,
        })
    }

    async fn record_model_call(
        &self,
        model: &str,
        call_id: Uuid,
        user: UserId,
        outcome: CallOutcome,
        breaker: BreakerSettings,
    ) -> Result<Duration, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(RECORD_MODEL_CALL.as_str()).arg(3).arg(&keys(model)[1..]);
        pipeline.arg(call_id.to_string());
        let user = fingerprint(user.to_string().as_bytes());
        match outcome {
            CallOutcome::Responded { prompt_tokens } => {
                let tokens = prompt_tokens.map(|tokens| tokens.to_string()).unwrap_or_default();
                pipeline.arg("responded").arg(user).arg(tokens)
            }
            CallOutcome::Overloaded => {
                let open_time = milliseconds(breaker.open_time);
                pipeline.arg("overloaded").arg(user).arg(breaker.failures).arg(open_time)
            }
            CallOutcome::QuotaExceeded { retry_delay } => {
                let pause = retry_delay.unwrap_or(QUOTA_PAUSE).min(LONGEST_PAUSE);
                let pauses = [pause, MIN_WAIT, LONGEST_PAUSE].map(milliseconds);
                pipeline.arg("quota").arg(user).arg(&pauses)
            }
            CallOutcome::Exhausted => pipeline.arg("exhausted").arg(user).arg(milliseconds(EXHAUSTED)),
            CallOutcome::Refused { code } => {
                pipeline.arg("refused").arg(user).arg(code.as_str()).arg(milliseconds(REFUSAL_TTL))
            }
        };
        let (pause,): (u64,) = self.run(&pipeline).await?;
        Ok(Duration::from_millis(pause))
    }
}

/// The keys of the calls, the tokens, the state and the failures of `model`.
fn keys(model: &str) -> [String; 4] {
    ["calls", "tokens", "state", "failures"].map(|name| format!("gemini:{{{model}}}:{name}"))
}

/// Bounded by a day, longer than any wait, so that Redis's doubles stay exact.
fn milliseconds(duration: Duration) -> u64 {
    const DAY: u64 = 86_400_000;
    u64::try_from(duration.as_millis()).unwrap_or(DAY).min(DAY)
}
