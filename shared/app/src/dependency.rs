//! [`Dependency`]: what a function requires to start, and how [`AppState`] is built from it.

use std::sync::Arc;

use clients::aws::SdkConfig;
use clients::gemini::{Gemini, GeminiConfig};
use clients::queue::SqsQueue;
use clients::redis::Redis;
use clients::redis::model_rate_limiter::ModelRateLimiter;
use clients::redis::rate_limiter::RateLimiter;
use clients::sms::SnsSender;
use clients::stripe::{Stripe, StripeConfig};
use clients::table::Table;
use clients::tls::client_config;
use secrecy::ExposeSecret;
use store::{Database, DatabaseConfig};
use thiserror::Error;

use crate::dependency_kind::DependencyKind;
use crate::metrics::Metrics;
use crate::trace::Tracer;
use crate::{AppState, BillingSettings, Clock, Config, OtpDelivery, Switches, Tokens};

/// The configuration has a value that a client cannot be built from.
#[derive(Debug, Error)]
#[error("the configuration is not usable: {0}")]
pub struct SetupError(String);

/// Something that a function requires to start: its variables must be set, and
/// [`AppState`] gets a client for it. The binary of a function links only the
/// clients of its own dependencies.
#[derive(Debug, Clone, Copy)]
pub struct Dependency {
    pub(crate) kind: DependencyKind,
    make: fn(&mut Setup) -> Result<(), SetupError>,
}

impl Dependency {
    /// `DATABASE_URL`.
    pub const DATABASE: Self = Self::new(DependencyKind::Database, nothing);
    /// `REDIS_URL`.
    pub const REDIS: Self = Self::new(DependencyKind::Redis, nothing);
    /// `JWT_SECRET`.
    pub const TOKENS: Self = Self::new(DependencyKind::Tokens, tokens);
    /// `OTP_DELIVERY`; also `AWS_REGION` when that is `sns`.
    pub const CODES: Self = Self::new(DependencyKind::Codes, sms);
    /// `MESSAGE_QUEUE_URL` and `AWS_REGION`.
    pub const QUEUE: Self = Self::new(DependencyKind::Queue, queue);
    /// `MESSAGE_DEAD_LETTER_QUEUE_URL` and `AWS_REGION`.
    pub const DEAD_LETTERS: Self = Self::new(DependencyKind::DeadLetters, dead_letters);
    /// `TABLE_NAME` and `AWS_REGION`, for requests with an `Idempotency-Key`.
    pub const IDEMPOTENCY_STORE: Self = Self::new(DependencyKind::IdempotencyStore, idempotency_store);
    /// `TABLE_NAME` and `AWS_REGION`, for job records and processed Stripe events.
    pub const TABLE: Self = Self::new(DependencyKind::Table, table);
    /// `TABLE_NAME` and `AWS_REGION`, for the kill switches.
    pub const SWITCHES: Self = Self::new(DependencyKind::Switches, switches);
    /// `GEMINI_API_KEY`.
    pub const GEMINI: Self = Self::new(DependencyKind::Gemini, gemini);
    /// `STRIPE_SECRET_KEY` and `STRIPE_PRICE_ID`.
    pub const STRIPE: Self = Self::new(DependencyKind::Stripe, stripe);
    /// `STRIPE_WEBHOOK_SECRET`.
    pub const STRIPE_WEBHOOKS: Self = Self::new(DependencyKind::StripeWebhooks, nothing);

    const fn new(kind: DependencyKind, make: fn(&mut Setup) -> Result<(), SetupError>) -> Self {
        Self { kind, make }
    }
}

impl AppState {
    /// Builds the clients for `dependencies`. It builds no others: each one costs time at a cold
    /// start.
    pub fn new(config: Config, dependencies: &[Dependency]) -> Result<Self, SetupError> {
        let redis = redis(&config)?;
        let state = Self {
            clock: Clock::default(),
            metrics: Metrics::to_stdout(config.metrics_namespace.clone()),
            tracer: Tracer::new(config.otlp.clone()),
            database: database(&config)?,
            rate_limiter: RateLimiter::new(redis.clone()),
            model_rate_limiter: ModelRateLimiter::new(redis.clone(), config.model_limits()),
            redis,
            tokens: None,
            queue: None,
            dead_letters: None,
            sms: None,
            idempotency_store: None,
            table: None,
            switches: Switches::none(),
            model: None,
            stripe: None,
            config,
        };
        let mut setup = Setup { state, aws: None };
        for dependency in dependencies {
            (dependency.make)(&mut setup)?;
        }
        Ok(setup.state)
    }

    /// Every reason why [`Self::new`] fails.
    #[must_use]
    pub fn problems(config: &Config, dependencies: &[Dependency]) -> Vec<SetupError> {
        let mut problems: Vec<_> = database(config).err().into_iter().chain(redis(config).err()).collect();
        // Every state has these two.
        if problems.is_empty() {
            let each = dependencies.iter().filter_map(|one| Self::new(config.clone(), &[*one]).err());
            problems.extend(each);
        }
        problems
    }
}

/// An [`AppState`] under construction.
pub(crate) struct Setup {
    state: AppState,
    /// The configuration that all AWS clients share, loaded for the first of them.
    aws: Option<SdkConfig>,
}

impl Setup {
    fn aws(&mut self) -> Result<SdkConfig, SetupError> {
        if let Some(aws) = &self.aws {
            return Ok(aws.clone());
        }
        let aws = self.state.config.aws.load().map_err(setup)?;
        Ok(self.aws.insert(aws).clone())
    }
}

/// For dependencies that every [`AppState`] has, or that need no client.
#[expect(clippy::unnecessary_wraps, reason = "the signature that Dependency::make requires")]
fn nothing(_: &mut Setup) -> Result<(), SetupError> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "the signature that Dependency::make requires")]
fn tokens(setup: &mut Setup) -> Result<(), SetupError> {
    setup.state.tokens = Some(Tokens::of(&setup.state.config));
    Ok(())
}

fn sms(setup: &mut Setup) -> Result<(), SetupError> {
    if setup.state.config.codes.delivery == OtpDelivery::Sns {
        let sender = SnsSender::new(&setup.aws()?, setup.state.config.codes.sender_id.clone());
        setup.state.sms = Some(Arc::new(sender));
    }
    Ok(())
}

fn queue(setup: &mut Setup) -> Result<(), SetupError> {
    let queue = SqsQueue::new(&setup.aws()?, &setup.state.config.message_queue_url);
    setup.state.queue = Some(Arc::new(queue));
    Ok(())
}

fn dead_letters(setup: &mut Setup) -> Result<(), SetupError> {
    let queue = SqsQueue::new(&setup.aws()?, &setup.state.config.dead_letter_queue_url);
    setup.state.dead_letters = Some(Arc::new(queue));
    Ok(())
}

fn idempotency_store(setup: &mut Setup) -> Result<(), SetupError> {
    let table = Table::new(&setup.aws()?, &setup.state.config.table_name);
    setup.state.idempotency_store = Some(Arc::new(table));
    Ok(())
}

fn table(setup: &mut Setup) -> Result<(), SetupError> {
    setup.state.table = Some(Table::new(&setup.aws()?, &setup.state.config.table_name));
    Ok(())
}

fn switches(setup: &mut Setup) -> Result<(), SetupError> {
    let table = Table::new(&setup.aws()?, &setup.state.config.table_name);
    setup.state.switches = Switches::new(Arc::new(table), setup.state.clock.clone());
    Ok(())
}

fn gemini(setup: &mut Setup) -> Result<(), SetupError> {
    let settings = &setup.state.config.gemini;
    let client = Gemini::new(GeminiConfig {
        base_url: settings.base_url.clone(),
        api_key: settings.api_key.clone(),
        first_chunk_timeout: settings.first_chunk_timeout,
        stall_timeout: settings.stall_timeout,
        safety_settings: settings.safety_settings.clone(),
    });
    setup.state.model = Some(Arc::new(client.map_err(self::setup)?));
    Ok(())
}

fn stripe(setup: &mut Setup) -> Result<(), SetupError> {
    let BillingSettings { base_url, secret_key, .. } = &setup.state.config.billing;
    let config = StripeConfig { base_url: base_url.clone(), secret_key: secret_key.clone() };
    setup.state.stripe = Some(Stripe::new(&config).map_err(self::setup)?);
    Ok(())
}

fn redis(config: &Config) -> Result<Redis, SetupError> {
    Redis::new(config.redis_url.expose_secret()).map_err(setup)
}

fn database(config: &Config) -> Result<Database, SetupError> {
    let url = config.database_url.expose_secret();
    Database::new(DatabaseConfig { url, pool_size: config.database_pool_size, tls: client_config() })
        .map_err(setup)
}

fn setup(error: impl std::fmt::Display) -> SetupError {
    SetupError(error.to_string())
}
