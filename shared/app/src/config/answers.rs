//! Settings for answering messages: the calls to Gemini, and the worker.

use std::time::Duration;

use clients::gemini::SafetySetting;
use clients::redis::model_rate_limiter::BreakerSettings;
use domain::history::MIN_BUDGET;
use domain::model_quota::ModelQuota;
use secrecy::SecretString;

use super::env::Env;
use super::models::Models;
use super::variables::{
    GEMINI_API_KEY, GEMINI_BASE_URL, GEMINI_BREAKER_FAILURES, GEMINI_BREAKER_PAUSE_MS,
    GEMINI_FIRST_CHUNK_TIMEOUT_MS, GEMINI_HISTORY_TOKENS, GEMINI_MAX_WAIT_MS, GEMINI_REQUESTS_PER_MINUTE,
    GEMINI_SAFETY_SETTINGS, GEMINI_STALL_TIMEOUT_MS, GEMINI_SYSTEM_INSTRUCTION, GEMINI_THINKING_TOKENS,
    GEMINI_TIMEOUT_MS, GEMINI_TOKENS_PER_MINUTE, MESSAGE_MAX_ATTEMPTS, RESPONSE_CACHE_TTL,
    RETRY_BASE_DELAY_MS, TITLE_MAX_PER_DAY, TITLE_TIMEOUT_MS, WORKER_CONCURRENCY, WORKER_LEASE_MS,
};

/// Settings for calls to Gemini.
#[derive(Debug, Clone)]
pub struct GeminiSettings {
    /// The base URL of the API.
    pub base_url: String,
    /// The API key.
    pub api_key: SecretString,
    /// The models.
    pub models: Models,
    /// Google's quota for each model.
    pub quota: ModelQuota,
    /// When the circuit breaker opens, and for how long.
    pub breaker: BreakerSettings,
    /// Maximum total time that a message waits for quota before it fails.
    pub max_wait: Duration,
    /// Maximum time for an answer, all calls for it together. The answer then ends incomplete.
    pub timeout: Duration,
    /// Timeout of the wait for the beginning of an answer.
    pub first_chunk_timeout: Duration,
    /// Timeout of each pause in the middle of an answer.
    pub stall_timeout: Duration,
    /// Tokens reserved for the model's thoughts, on top of the visible tokens of an answer.
    pub thinking_tokens: u32,
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
            models: Models::read(env),
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
            first_chunk_timeout: Duration::from_millis(env.number(GEMINI_FIRST_CHUNK_TIMEOUT_MS, 1)),
            stall_timeout: Duration::from_millis(env.number(GEMINI_STALL_TIMEOUT_MS, 1)),
            thinking_tokens: env.number(GEMINI_THINKING_TOKENS, 0),
            safety_settings: env.parsed(GEMINI_SAFETY_SETTINGS, safety_settings),
            history_tokens: env.number(GEMINI_HISTORY_TOKENS, MIN_BUDGET),
            system_instruction: env.get(GEMINI_SYSTEM_INSTRUCTION),
        }
    }
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
    /// How long a worker has the exclusive right to an answer, unless it renews the lease. A dead
    /// worker is replaced after this time.
    pub lease: Duration,
    /// The delay after the first attempt. It doubles with each further attempt.
    pub retry_base_delay: Duration,
    /// Maximum number of concurrent workers. Without Redis, each uses that fraction of Gemini's
    /// quota.
    pub concurrency: u32,
    /// How long an answer is cached for a user who repeats the same prompt. `None` disables the
    /// cache.
    pub answer_cache: Option<Duration>,
    /// Maximum time of the call for a title.
    pub title_timeout: Duration,
    /// The most calls for titles that a user has on a day. 0: chatrooms are named by the first words of
    /// their first question.
    pub titles_per_day: i32,
}

impl WorkerSettings {
    pub(super) fn read(env: &mut Env<'_>) -> Self {
        let cached_seconds = env.number(RESPONSE_CACHE_TTL, 0);
        Self {
            max_attempts: env.number(MESSAGE_MAX_ATTEMPTS, 1),
            lease: Duration::from_millis(env.number(WORKER_LEASE_MS, 2_000)),
            retry_base_delay: Duration::from_millis(env.number(RETRY_BASE_DELAY_MS, 0)),
            concurrency: env.number(WORKER_CONCURRENCY, 1),
            answer_cache: (cached_seconds > 0).then(|| Duration::from_secs(cached_seconds)),
            title_timeout: Duration::from_millis(env.number(TITLE_TIMEOUT_MS, 1)),
            titles_per_day: env.number(TITLE_MAX_PER_DAY, 0),
        }
    }
}
