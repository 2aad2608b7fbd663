//! The configuration: environment variables, read once at start. A function fails fast on missing
//! or invalid variables and names them all.

mod answers;
mod billing;
mod env;
mod model_list;
mod models;
mod one_time_codes;
mod otlp;
mod release;
mod stream;
#[cfg(test)]
mod tests;
pub(crate) mod variables;

use std::time::Duration;

use clients::aws::AwsConfig;
use clients::otlp::OtlpConfig;
use clients::redis::model_rate_limiter::ModelLimits;
use clients::redis::token_bucket::Limit;
use domain::plan::DailyLimits;
use domain::spending::SpendCaps;
use secrecy::SecretString;

pub use self::answers::{GeminiSettings, WorkerSettings};
pub use self::billing::{BillingSettings, CancelOnDispute};
use self::env::Env;
pub use self::env::{ConfigError, ConfigProblem};
pub use self::models::{Model, Models, is_version_of};
pub use self::one_time_codes::{CodeSettings, OtpDelivery, TestNumber};
pub use self::release::Release;
pub use self::stream::StreamBaseUrl;
use self::variables::{
    AWS_ENDPOINT_URL, AWS_REGION, BASIC_DAILY_MESSAGE_LIMIT, CACHE_TTL, CORS_ALLOWED_ORIGINS,
    DATABASE_POOL_SIZE, DATABASE_URL, ENVIRONMENT, JWT_EXPIRES_IN, JWT_SECRET, MESSAGE_DEAD_LETTER_QUEUE_URL,
    MESSAGE_QUEUE_URL, METRICS_NAMESPACE, MIGRATION_DATABASE_URL, PRO_DAILY_MESSAGE_LIMIT,
    RATE_LIMIT_GLOBAL_PER_SECOND, RATE_LIMIT_MAX_REQUESTS, RATE_LIMIT_PRO_MAX_REQUESTS,
    RATE_LIMIT_USER_MAX_REQUESTS, RATE_LIMIT_WINDOW_MS, REDIS_URL, REFRESH_EXPIRES_IN,
    SPEND_CAP_SERVICE_MICRO_USD, SPEND_CAP_USER_MICRO_USD, STREAM_BASE_URL, TABLE_NAME,
};
pub use self::variables::{VARIABLES, Variable};
use crate::dependency_kind::DependencyKind;
use crate::{Dependency, duration};

/// The kind of deployment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Environment {
    /// A developer's machine.
    Local,
    /// A deployment for tests.
    Staging,
    /// The deployment that users see. It refuses settings that are safe only elsewhere.
    #[default]
    Production,
}

/// The rate limits of the HTTP functions.
#[derive(Debug, Clone, Copy)]
pub struct RateLimits {
    /// The limit for all clients together.
    pub global: Limit,
    /// The limit for one client address.
    pub address: Limit,
    /// The limit for one user on the Basic plan.
    pub basic: Limit,
    /// The limit for one user on the Pro plan.
    pub pro: Limit,
}

/// The whole configuration. Required values that belong to a [`Dependency`] the function does not
/// have may be empty.
#[derive(Debug, Clone)]
pub struct Config {
    /// The kind of deployment.
    pub environment: Environment,
    /// The commit that the function was built from, and its deployment.
    pub release: Release,
    /// The namespace of metrics in CloudWatch. `None`: no metrics.
    pub metrics_namespace: Option<String>,
    /// The collector of spans. `None`: no spans.
    pub otlp: Option<OtlpConfig>,
    /// The connection string of Postgres, with the password.
    pub database_url: SecretString,
    /// The connection string for migrations, which must not go through a connection pooler. `None`:
    /// the same.
    pub migration_database_url: Option<SecretString>,
    /// Maximum number of Postgres connections of one process.
    pub database_pool_size: usize,
    /// The connection string of Redis, with the password.
    pub redis_url: SecretString,
    /// The secret that signs access tokens and keys the HMACs of one-time codes.
    pub jwt_secret: SecretString,
    /// The previous secret, whose tokens are still valid while it is being replaced.
    pub jwt_previous_secret: Option<SecretString>,
    /// The lifetime of an access token.
    pub jwt_lifetime: Duration,
    /// The lifetime of a refresh token.
    pub refresh_lifetime: Duration,
    /// Settings for one-time codes.
    pub codes: CodeSettings,
    /// The rate limits.
    pub rate_limits: RateLimits,
    /// The daily message quotas and spending caps.
    pub daily_limits: DailyLimits,
    /// How long a user's chatroom list is cached.
    pub cache_ttl: Duration,
    /// The allowed origins of browser clients, exactly as browsers send them.
    pub cors_allowed_origins: Vec<String>,
    /// The base URL of the streaming API. `None`: answers are not streamed.
    pub stream_base_url: Option<StreamBaseUrl>,
    /// The region and endpoint of AWS.
    pub aws: AwsConfig,
    /// The URL of the SQS queue.
    pub message_queue_url: String,
    /// The URL of the SQS dead-letter queue.
    pub dead_letter_queue_url: String,
    /// The name of the DynamoDB table.
    pub table_name: String,
    /// Settings for calls to Gemini.
    pub gemini: GeminiSettings,
    /// Settings for the worker.
    pub worker: WorkerSettings,
    /// Settings for billing through Stripe.
    pub billing: BillingSettings,
}

impl Config {
    /// The limits on calls to Gemini, over all workers.
    #[must_use]
    pub fn model_limits(&self) -> ModelLimits {
        let GeminiSettings { quota, breaker, .. } = self.gemini;
        ModelLimits { quota, breaker, workers: self.worker.concurrency }
    }

    /// Reads the environment of the process for a function with these `dependencies`.
    pub fn from_env(dependencies: &[Dependency]) -> Result<Self, ConfigError> {
        Self::from_lookup(dependencies, &|name| std::env::var(name).ok())
    }

    /// As [`Self::from_env`], with variables from `lookup`.
    pub fn from_lookup(
        dependencies: &[Dependency],
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let needs = |kind| dependencies.iter().any(|dependency| dependency.kind == kind);
        let mut env = Env::new(lookup);
        let config = Self::read(&mut env, needs);
        env.finish(config)
    }

    fn read(env: &mut Env<'_>, needs: impl Fn(DependencyKind) -> bool) -> Self {
        let environment = env.parsed(ENVIRONMENT, environment);
        let (jwt_secret, jwt_previous_secret) = jwt_secrets(env, needs(DependencyKind::Tokens));
        let codes = CodeSettings::read(env, needs(DependencyKind::Codes), environment);
        let sends_text = needs(DependencyKind::Codes) && codes.delivery == OtpDelivery::Sns;
        let uses_table = [DependencyKind::IdempotencyStore, DependencyKind::Table, DependencyKind::Switches]
            .into_iter()
            .any(&needs);
        let uses_queue = needs(DependencyKind::Queue) || needs(DependencyKind::DeadLetters);
        let (daily_limits, gemini) =
            (daily_limits(env), GeminiSettings::read(env, needs(DependencyKind::Gemini)));
        if needs(DependencyKind::Gemini) {
            check_spend_caps(env, daily_limits.spending, &gemini);
        }
        Self {
            environment,
            release: Release::read(env),
            metrics_namespace: env.get(METRICS_NAMESPACE),
            otlp: otlp::read(env),
            database_url: env.secret(
                DATABASE_URL,
                needs(DependencyKind::Database),
                "postgres://user:password@host/database",
            ),
            migration_database_url: env.get(MIGRATION_DATABASE_URL).map(Into::into),
            database_pool_size: env.number(DATABASE_POOL_SIZE, 1),
            redis_url: env.secret(
                REDIS_URL,
                needs(DependencyKind::Redis),
                "redis://host:6379, or rediss:// for TLS",
            ),
            jwt_secret,
            jwt_previous_secret,
            jwt_lifetime: env.parsed(JWT_EXPIRES_IN, duration::parse),
            refresh_lifetime: env.parsed(REFRESH_EXPIRES_IN, duration::parse),
            codes,
            rate_limits: rate_limits(env),
            daily_limits,
            cache_ttl: Duration::from_secs(env.number(CACHE_TTL, 1)),
            cors_allowed_origins: env.list(CORS_ALLOWED_ORIGINS),
            stream_base_url: env.parsed(STREAM_BASE_URL, |text| text.parse().map(Some)),
            aws: aws_config(env, sends_text || uses_queue || uses_table),
            dead_letter_queue_url: env.required(
                MESSAGE_DEAD_LETTER_QUEUE_URL,
                needs(DependencyKind::DeadLetters),
                "the URL of the SQS dead-letter queue",
            ),
            message_queue_url: env.required(
                MESSAGE_QUEUE_URL,
                needs(DependencyKind::Queue),
                "the URL of the SQS queue",
            ),
            table_name: env.required(TABLE_NAME, uses_table, "the name of the DynamoDB table"),
            gemini,
            worker: WorkerSettings::read(env),
            billing: BillingSettings::read(
                env,
                needs(DependencyKind::Stripe),
                needs(DependencyKind::StripeWebhooks),
            ),
        }
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

/// Parses `current`, or `current,previous` while one secret replaces the other.
fn jwt_secrets(env: &mut Env<'_>, needed: bool) -> (SecretString, Option<SecretString>) {
    let text = env.required(JWT_SECRET, needed, "at least 32 random characters");
    let secrets: Vec<&str> = text.split(',').map(str::trim).collect();
    if needed && !text.is_empty() && (secrets.len() > 2 || secrets.iter().any(|secret| secret.len() < 32)) {
        env.problem(
            JWT_SECRET,
            "must have at least 32 characters; two such, with a comma between, while one is replaced",
        );
    }
    let secret = |place: usize| secrets.get(place).map(|secret| SecretString::from(*secret));
    (secret(0).unwrap_or_default(), secret(1))
}

fn aws_config(env: &mut Env<'_>, needed: bool) -> AwsConfig {
    AwsConfig {
        region: env.required(AWS_REGION, needed, "for example eu-central-1"),
        endpoint_url: env.get(AWS_ENDPOINT_URL),
    }
}

fn daily_limits(env: &mut Env<'_>) -> DailyLimits {
    DailyLimits {
        basic: env.number(BASIC_DAILY_MESSAGE_LIMIT, 0),
        pro: env.number(PRO_DAILY_MESSAGE_LIMIT, 0),
        spending: SpendCaps {
            user: env.parsed(SPEND_CAP_USER_MICRO_USD, spend_cap),
            service: env.parsed(SPEND_CAP_SERVICE_MICRO_USD, spend_cap),
        },
    }
}

fn spend_cap(text: &str) -> Result<Option<i64>, String> {
    match text.parse() {
        Ok(cap) if cap > 0 => Ok(Some(cap)),
        _ => Err("must be a whole number of micro-dollars, at least 1".to_owned()),
    }
}

/// The spending caps need prices, and room for the largest call: a cap below that would refuse a long
/// message even at the beginning of a day.
fn check_spend_caps(env: &mut Env<'_>, caps: SpendCaps, gemini: &GeminiSettings) {
    let variables = [(caps.user, SPEND_CAP_USER_MICRO_USD), (caps.service, SPEND_CAP_SERVICE_MICRO_USD)];
    let largest = gemini.models.largest_call(gemini.history_tokens, gemini.thinking_tokens);
    for (cap, variable) in variables.into_iter().filter_map(|(cap, variable)| Some((cap?, variable))) {
        match largest {
            None => env.problem(variable, "must not be set without prices in GEMINI_MODELS"),
            Some(largest) if cap < largest => {
                env.problem(variable, format!("must be at least {largest}, the price of the largest call"));
            }
            Some(_) => {}
        }
    }
}

fn rate_limits(env: &mut Env<'_>) -> RateLimits {
    let window = Duration::from_millis(env.number(RATE_LIMIT_WINDOW_MS, 1));
    // The global bucket holds ten seconds' worth of requests, so that it absorbs a short burst.
    let per_second: u32 = env.number(RATE_LIMIT_GLOBAL_PER_SECOND, 1);
    RateLimits {
        global: Limit { max: per_second.saturating_mul(10), window: Duration::from_secs(10) },
        address: Limit { max: env.number(RATE_LIMIT_MAX_REQUESTS, 1), window },
        basic: Limit { max: env.number(RATE_LIMIT_USER_MAX_REQUESTS, 1), window },
        pro: Limit { max: env.number(RATE_LIMIT_PRO_MAX_REQUESTS, 1), window },
    }
}
