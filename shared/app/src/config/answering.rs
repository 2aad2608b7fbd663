//! How messages are answered.

use std::time::Duration;

use clients::redis::model_rate_limiter::BreakerSettings;
use domain::model_quota::ModelQuota;
use secrecy::SecretString;

use crate::env::Env;

/// How Gemini is asked.
#[derive(Debug, Clone)]
pub struct GeminiSettings {
    /// The service's address.
    pub base_url: String,
    /// The key to it.
    pub api_key: SecretString,
    /// The model for the free plan.
    pub model_basic: String,
    /// The model for the paid plan.
    pub model_pro: String,
    /// The model asked in their place when theirs is used up for the day, or gone.
    pub model_fallback: Option<String>,
    /// What Google allows for each model.
    pub quota: ModelQuota,
    /// When no calls are made because they only fail.
    pub breaker: BreakerSettings,
    /// How long a message may wait for its turn, over all, before it is given up.
    pub max_wait: Duration,
    /// How long one answer may take.
    pub timeout: Duration,
    /// The most tokens an answer may have.
    pub max_output_tokens: u32,
    /// The most tokens of a room's history that go into a prompt.
    pub history_tokens: usize,
    /// What the model is told where a room has no system prompt of its own.
    pub system_instruction: Option<String>,
}

impl GeminiSettings {
    pub(super) fn read(env: &mut Env<'_>, needed: bool) -> Self {
        let text = |env: &Env<'_>, name, default: &str| env.get(name).unwrap_or_else(|| default.to_owned());
        Self {
            base_url: text(env, "GEMINI_BASE_URL", "https://generativelanguage.googleapis.com"),
            api_key: env.secret("GEMINI_API_KEY", needed, "a key from Google AI Studio"),
            model_basic: text(env, "GEMINI_MODEL_BASIC", "gemini-3.5-flash-lite"),
            model_pro: text(env, "GEMINI_MODEL_PRO", "gemini-3.8-flash"),
            model_fallback: Some(text(env, "GEMINI_MODEL_FALLBACK", "gemini-3.5-flash"))
                .filter(|model| model != "none"),
            quota: ModelQuota {
                requests: env.number("GEMINI_REQUESTS_PER_MINUTE", 1_000, 1),
                tokens: env.number("GEMINI_TOKENS_PER_MINUTE", 1_000_000, 1),
            },
            breaker: BreakerSettings {
                failures: env.number("GEMINI_BREAKER_FAILURES", 10, 1),
                open_time: Duration::from_millis(env.number("GEMINI_BREAKER_PAUSE_MS", 30_000, 1)),
            },
            max_wait: Duration::from_millis(env.number("GEMINI_MAX_WAIT_MS", 1_800_000, 0)),
            timeout: Duration::from_millis(env.number("GEMINI_TIMEOUT_MS", 30_000, 1)),
            max_output_tokens: env.number("GEMINI_MAX_OUTPUT_TOKENS", 2_048, 1),
            history_tokens: env.number("GEMINI_HISTORY_TOKENS", 8_000, 0),
            system_instruction: env.get("GEMINI_SYSTEM_INSTRUCTION"),
        }
    }
}

/// How messages are worked off.
#[derive(Debug, Clone, Copy)]
pub struct WorkerSettings {
    /// How often an answer is tried.
    pub max_attempts: i32,
    /// The wait after the first attempt; each further one doubles it.
    pub retry_base_delay: Duration,
    /// How many workers there are at the most: without Redis, each takes that part of Gemini's quota.
    pub concurrency: u32,
    /// How long an answer is kept for a person who asks the very same again; none is where this is nothing.
    pub answer_cache: Option<Duration>,
}

impl WorkerSettings {
    pub(super) fn read(env: &mut Env<'_>) -> Self {
        let cached_seconds = env.number("RESPONSE_CACHE_TTL", 0, 0);
        Self {
            max_attempts: env.number("MESSAGE_MAX_ATTEMPTS", 3, 1),
            retry_base_delay: Duration::from_millis(env.number("RETRY_BASE_DELAY_MS", 2_000, 0)),
            concurrency: env.number("WORKER_CONCURRENCY", 5, 1),
            answer_cache: (cached_seconds > 0).then(|| Duration::from_secs(cached_seconds)),
        }
    }
}
