//! The configuration: environment variables, read once at start, refused as a whole where something is missing.

mod answering;
mod billing;
mod codes;
#[cfg(test)]
mod tests;

use std::time::Duration;

use clients::aws::AwsConfig;
use clients::redis::model_rate_limiter::ModelLimits;
use clients::redis::token_bucket::Limit;
use domain::plan::DailyLimits;
use secrecy::SecretString;

pub use self::answering::{GeminiSettings, WorkerSettings};
pub use self::billing::BillingSettings;
pub use self::codes::{CodeSettings, OtpDelivery, TestNumber};
use crate::dependency::DependencyKind;
use crate::env::{ConfigError, Env};
use crate::{Dependency, duration};

/// What kind of deployment this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// A developer's machine.
    Local,
    /// A deployment for trying things out.
    Staging,
    /// The real thing; also what is assumed where nothing is said.
    Production,
}

/// The rate limits of the HTTP functions.
#[derive(Debug, Clone, Copy)]
pub struct RateLimits {
    /// Of everybody together.
    pub global: Limit,
    /// Of one client address.
    pub address: Limit,
    /// Of one person on the Basic plan, from wherever.
    pub basic: Limit,
    /// Of one person on the Pro plan.
    pub pro: Limit,
}

/// The whole configuration. What a function does not [`Dependency`] is empty where it is not set.
#[derive(Debug, Clone)]
pub struct Config {
    /// What kind of deployment this is.
    pub environment: Environment,
    /// Where Postgres is, password included.
    pub database_url: SecretString,
    /// Where migrations reach it, if not there: an address that is not pooled.
    pub migration_database_url: Option<SecretString>,
    /// The most connections of one process to it.
    pub database_pool_size: usize,
    /// Where Redis is, password included.
    pub redis_url: SecretString,
    /// What tokens are signed and codes are hashed with.
    pub jwt_secret: SecretString,
    /// What tokens were signed with before, while some of them are still about.
    pub jwt_previous_secret: Option<SecretString>,
    /// How long an access token lasts.
    pub jwt_lifetime: Duration,
    /// How long a refresh token lasts.
    pub refresh_lifetime: Duration,
    /// How one-time codes are sent, and how many.
    pub codes: CodeSettings,
    /// Requests allowed.
    pub rate_limits: RateLimits,
    /// Messages allowed.
    pub daily_limits: DailyLimits,
    /// How long the list of rooms stays in the cache.
    pub cache_ttl: Duration,
    /// The origins whose pages may call us, exactly as browsers send them.
    pub cors_allowed_origins: Vec<String>,
    /// Where AWS is.
    pub aws: AwsConfig,
    /// The queue of messages to be answered.
    pub message_queue_url: String,
    /// Where jobs end up that were delivered too often.
    pub dead_letter_queue_url: String,
    /// The DynamoDB table.
    pub table_name: String,
    /// How Gemini is asked.
    pub gemini: GeminiSettings,
    /// How messages are answered.
    pub worker: WorkerSettings,
    /// How people pay.
    pub billing: BillingSettings,
}

impl Config {
    /// The limits on calls to Gemini, over all workers.
    #[must_use]
    pub fn model_limits(&self) -> ModelLimits {
        let GeminiSettings { quota, breaker, .. } = self.gemini;
        ModelLimits { quota, breaker, workers: self.worker.concurrency }
    }

    /// Reads the process's environment for a function with these `needs`.
    ///
    /// # Errors
    /// Naming every variable that is missing or wrong.
    pub fn from_env(needs: &[Dependency]) -> Result<Self, ConfigError> {
        Self::from_lookup(needs, &|name| std::env::var(name).ok())
    }

    /// As [`Self::from_env`], from wherever `lookup` looks.
    ///
    /// # Errors
    /// Naming every variable that is missing or wrong.
    pub fn from_lookup(
        needs: &[Dependency],
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let needs = |kind| needs.iter().any(|need| need.kind == kind);
        let env = &mut Env::new(lookup);
        let environment = env.parsed("ENVIRONMENT", Environment::Production, environment);
        let (jwt_secret, jwt_previous_secret) = jwt_secrets(env, needs(DependencyKind::Tokens));
        let codes = CodeSettings::read(env, needs(DependencyKind::Codes), environment);
        let sends_text = needs(DependencyKind::Codes) && codes.delivery == OtpDelivery::Sns;
        let config = Self {
            environment,
            database_url: env.secret(
                "DATABASE_URL",
                needs(DependencyKind::Database),
                "postgres://user:password@host/database",
            ),
            migration_database_url: env.get("MIGRATION_DATABASE_URL").map(Into::into),
            database_pool_size: env.number("DATABASE_POOL_SIZE", 2, 1),
            redis_url: env.secret(
                "REDIS_URL",
                needs(DependencyKind::Redis),
                "redis://host:6379, or rediss:// for TLS",
            ),
            jwt_secret,
            jwt_previous_secret,
            jwt_lifetime: env.parsed("JWT_EXPIRES_IN", Duration::from_hours(7 * 24), duration::parse),
            refresh_lifetime: env.parsed(
                "REFRESH_EXPIRES_IN",
                Duration::from_hours(30 * 24),
                duration::parse,
            ),
            codes,
            rate_limits: rate_limits(env),
            daily_limits: DailyLimits {
                basic: env.number("BASIC_DAILY_MESSAGE_LIMIT", 5, 0),
                pro: env.number("PRO_DAILY_MESSAGE_LIMIT", 1_000, 0),
            },
            cache_ttl: Duration::from_secs(env.number("CACHE_TTL", 600, 1)),
            cors_allowed_origins: list(env, "CORS_ALLOWED_ORIGINS"),
            aws: AwsConfig {
                region: env.required(
                    "AWS_REGION",
                    sends_text
                        || [
                            DependencyKind::Queue,
                            DependencyKind::DeadLetters,
                            DependencyKind::IdempotencyStore,
                            DependencyKind::Table,
                        ]
                        .into_iter()
                        .any(needs),
                    "for example eu-central-1",
                ),
                endpoint_url: env.get("AWS_ENDPOINT_URL"),
            },
            dead_letter_queue_url: env.required(
                "MESSAGE_DEAD_LETTER_QUEUE_URL",
                needs(DependencyKind::DeadLetters),
                "the address of the SQS dead-letter queue",
            ),
            message_queue_url: env.required(
                "MESSAGE_QUEUE_URL",
                needs(DependencyKind::Queue),
                "the address of the SQS queue",
            ),
            table_name: env.required(
                "TABLE_NAME",
                needs(DependencyKind::IdempotencyStore) || needs(DependencyKind::Table),
                "the name of the DynamoDB table",
            ),
            gemini: GeminiSettings::read(env, needs(DependencyKind::Gemini)),
            worker: WorkerSettings::read(env),
            billing: BillingSettings::read(
                env,
                needs(DependencyKind::Stripe),
                needs(DependencyKind::StripeWebhooks),
            ),
        };
        std::mem::replace(env, Env::new(lookup)).finish(config)
    }
}

fn environment(name: &str) -> Result<Environment, String> {
    match name {
        "local" => Ok(Environment::Local),
        "staging" => Ok(Environment::Staging),
        "production" => Ok(Environment::Production),
        _ => Err("must be local, staging or production".to_owned()),
    }
}

/// The secret in force and, while it is being replaced, the one before: `current` or `current,previous`.
fn jwt_secrets(env: &mut Env<'_>, needed: bool) -> (SecretString, Option<SecretString>) {
    let text = env.required("JWT_SECRET", needed, "at least 32 random characters");
    let secrets: Vec<&str> = text.split(',').map(str::trim).collect();
    if needed && !text.is_empty() && (secrets.len() > 2 || secrets.iter().any(|secret| secret.len() < 32)) {
        env.problem(
            "JWT_SECRET",
            "must have at least 32 characters; two such, with a comma between, while one is replaced",
        );
    }
    let secret = |place: usize| secrets.get(place).map(|secret| SecretString::from(*secret));
    (secret(0).unwrap_or_default(), secret(1))
}

fn rate_limits(env: &mut Env<'_>) -> RateLimits {
    let window = Duration::from_millis(env.number("RATE_LIMIT_WINDOW_MS", 900_000, 1));
    // Ten seconds' worth at once, so that a busy moment is no outage.
    let a_second: u32 = env.number("RATE_LIMIT_GLOBAL_PER_SECOND", 500, 1);
    RateLimits {
        global: Limit { max: a_second.saturating_mul(10), window: Duration::from_secs(10) },
        address: Limit { max: env.number("RATE_LIMIT_MAX_REQUESTS", 100, 1), window },
        basic: Limit { max: env.number("RATE_LIMIT_USER_MAX_REQUESTS", 300, 1), window },
        pro: Limit { max: env.number("RATE_LIMIT_PRO_MAX_REQUESTS", 1_200, 1), window },
    }
}

fn list(env: &mut Env<'_>, name: &str) -> Vec<String> {
    let text = env.get(name).unwrap_or_default();
    text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
}
