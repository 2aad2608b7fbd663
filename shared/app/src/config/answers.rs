//! Settings for answering messages: the calls to Gemini, and the worker.

use std::time::Duration;

use clients::gemini::{SafetySetting, ThinkingLevel};
use clients::redis::model_rate_limiter::BreakerSettings;
use domain::history::MIN_BUDGET;
use domain::model_quota::ModelQuota;
use secrecy::SecretString;

use super::env::Env;
use super::variables::{
    GEMINI_API_KEY, GEMINI_BASE_URL, GEMINI_BREAKER_FAILURES, GEMINI_BREAKER_PAUSE_MS, GEMINI_HISTORY_TOKENS,
    GEMINI_MAX_OUTPUT_TOKENS, GEMINI_MAX_WAIT_MS, GEMINI_MODEL_BASIC, GEMINI_MODEL_FALLBACK,
    GEMINI_MODEL_PRO, GEMINI_REQUESTS_PER_MINUTE, GEMINI_SAFETY_SETTINGS, GEMINI_STALL_TIMEOUT_MS,
    GEMINI_SYSTEM_INSTRUCTION, GEMINI_THINKING_LEVEL_BASIC, GEMINI_THINKING_LEVEL_FALLBACK,
    GEMINI_THINKING_LEVEL_PRO, GEMINI_THINKING_TOKENS, GEMINI_TIMEOUT_MS, GEMINI_TOKENS_PER_MINUTE,
    MESSAGE_MAX_ATTEMPTS, RESPONSE_CACHE_TTL, RETRY_BASE_DELAY_MS, WORKER_CONCURRENCY,
};

/// Settings for calls to Gemini.
#[derive(Debug, Clone)]
pub struct GeminiSettings {
    /// The base URL of the API.
    pub base_url: String,
    /// The API key.
    pub api_key: SecretString,
    /// The model for the Basic plan.
    pub model_basic: String,
    /// The model for the Pro plan.
    pub model_pro: String,
    /// The model to use when a plan's own model has no daily quota left or no longer exists.
    pub model_fallback: Option<String>,
    /// Google's quota for each model.
    pub quota: ModelQuota,
    /// When the circuit breaker opens, and for how long.
    pub breaker: BreakerSettings,
    /// Maximum total time that a message waits for quota before it fails.
    pub max_wait: Duration,
    /// Timeout of one call.
    pub timeout: Duration,
    /// Timeout of each pause in the middle of an answer.
    pub stall_timeout: Duration,
    /// Maximum number of visible tokens in an answer.
    pub max_output_tokens: u32,
    /// Tokens reserved for the model's thoughts, on top of `max_output_tokens`.
    pub thinking_tokens: u32,
    /// How much the model for the Basic plan thinks. `None` leaves it to the model.
    pub thinking_level_basic: Option<ThinkingLevel>,
    /// How much the model for the Pro plan thinks.
    pub thinking_level_pro: Option<ThinkingLevel>,
    /// How much the fallback model thinks.
    pub thinking_level_fallback: Option<ThinkingLevel>,
    /// The thresholds of Google's safety filters, one per category.
    pub safety_settings: Vec<SafetySetting>,
    /// Maximum number of tokens of a chatroom's history in a prompt; at least those of one message
    /// of the maximum length.
    pub history_tokens: usize,
    /// The system instruction in chatrooms without a system prompt of their own.
    pub system_instruction: Option<String>,
}

impl GeminiSettings {
    pub(super) fn read(env: &mut Env<'_>, needed: bool) -> Self {
        Self {
            base_url: env.text(GEMINI_BASE_URL),
            api_key: env.secret(GEMINI_API_KEY, needed, "a key from Google AI Studio"),
            model_basic: env.text(GEMINI_MODEL_BASIC),
            model_pro: env.text(GEMINI_MODEL_PRO),
            model_fallback: env.get(GEMINI_MODEL_FALLBACK).filter(|model| model != "none"),
            quota: ModelQuota {
                requests: env.number(GEMINI_REQUESTS_PER_MINUTE, 1),
                tokens: env.number(GEMINI_TOKENS_PER_MINUTE, 1),
            },
            breaker: BreakerSettings {
                failures: env.number(GEMINI_BREAKER_FAILURES, 1),
                open_time: Duration::from_millis(env.number(GEMINI_BREAKER_PAUSE_MS, 1)),
            },
            max_wait: Duration::from_millis(env.number(GEMINI_MAX_WAIT_MS, 0)),
            timeout: Duration::from_millis(env.number(GEMINI_TIMEOUT_MS, 1)),
            stall_timeout: Duration::from_millis(env.number(GEMINI_STALL_TIMEOUT_MS, 1)),
            max_output_tokens: env.number(GEMINI_MAX_OUTPUT_TOKENS, 1),
            thinking_tokens: env.number(GEMINI_THINKING_TOKENS, 0),
            thinking_level_basic: env.parsed(GEMINI_THINKING_LEVEL_BASIC, thinking_level),
            thinking_level_pro: env.parsed(GEMINI_THINKING_LEVEL_PRO, thinking_level),
            thinking_level_fallback: env.parsed(GEMINI_THINKING_LEVEL_FALLBACK, thinking_level),
            safety_settings: env.parsed(GEMINI_SAFETY_SETTINGS, safety_settings),
            history_tokens: env.number(GEMINI_HISTORY_TOKENS, MIN_BUDGET),
            system_instruction: env.get(GEMINI_SYSTEM_INSTRUCTION),
        }
    }
}

/// A thinking level. `default` means none: the model decides.
fn thinking_level(name: &str) -> Result<Option<ThinkingLevel>, String> {
    if name == "default" {
        return Ok(None);
    }
    let level = ThinkingLevel::from_name(name);
    level.map(Some).ok_or_else(|| "must be minimal, low, medium, high or default".to_owned())
}

/// Safety settings separated by commas, at most one per category.
fn safety_settings(text: &str) -> Result<Vec<SafetySetting>, String> {
    let mut settings: Vec<SafetySetting> = Vec::new();
    for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let setting: SafetySetting = item.parse().map_err(|error| format!("{error}"))?;
        if settings.iter().any(|earlier| earlier.category() == setting.category()) {
            return Err(format!("has two thresholds for {}", setting.category()));
        }
        settings.push(setting);
    }
    Ok(settings)
}

/// Settings for the worker.
#[derive(Debug, Clone, Copy)]
pub struct WorkerSettings {
    /// Maximum number of attempts at one answer.
    pub max_attempts: i32,
    /// The delay after the first attempt. It doubles with each further attempt.
    pub retry_base_delay: Duration,
    /// Maximum number of concurrent workers. Without Redis, each uses that fraction of Gemini's
    /// quota.
    pub concurrency: u32,
    /// How long an answer is cached for a user who repeats the same prompt. `None` disables the
    /// cache.
    pub answer_cache: Option<Duration>,
}

impl WorkerSettings {
    pub(super) fn read(env: &mut Env<'_>) -> Self {
        let cached_seconds = env.number(RESPONSE_CACHE_TTL, 0);
        Self {
            max_attempts: env.number(MESSAGE_MAX_ATTEMPTS, 1),
            retry_base_delay: Duration::from_millis(env.number(RETRY_BASE_DELAY_MS, 0)),
            concurrency: env.number(WORKER_CONCURRENCY, 1),
            answer_cache: (cached_seconds > 0).then(|| Duration::from_secs(cached_seconds)),
        }
    }
}
