//! [`AppState`]: the connections that handlers share. Building it opens no connection.

use std::sync::Arc;

use clients::aws::SdkConfig;
use clients::gemini::{Gemini, GeminiConfig, LanguageModel};
use clients::queue::{DeadLetterQueue, JobQueue, SqsQueue};
use clients::redis::Redis;
use clients::redis::model_rate_limiter::ModelRateLimiter;
use clients::redis::rate_limiter::RateLimiter;
use clients::sms::{SmsSender, SnsSender};
use clients::stripe::{Stripe, StripeConfig};
use clients::table::Table;
use clients::table::idempotency::IdempotencyStore;
use clients::tls::client_config;
use secrecy::ExposeSecret;
use store::{Client, Database, DatabaseConfig, StoreError};
use thiserror::Error;

use crate::dependency::DependencyKind;
use crate::{BillingSettings, Clock, Config, Dependency, OtpDelivery, Tokens};

/// A programming error: a handler uses a client that its function's list of [`Dependency`]s does
/// not name.
#[derive(Debug, Error)]
#[error("this function does not declare the dependency {0:?}")]
pub struct NotConfigured(DependencyKind);

/// The configuration has a value that a client cannot be built from.
#[derive(Debug, Error)]
#[error("the configuration is not usable: {0}")]
pub struct SetupError(String);

/// The connections that handlers share, as an `Arc<AppState>`. Postgres, Redis and the limits that
/// count in Redis are always there; the others only if the function's dependencies name them.
pub struct AppState {
    /// The configuration.
    pub config: Config,
    /// The clock.
    pub clock: Clock,
    /// Postgres.
    pub database: Database,
    /// Redis.
    pub redis: Redis,
    /// The rate limits on requests and password attempts.
    pub rate_limiter: RateLimiter,
    /// The rate limits on calls to Gemini.
    pub model_rate_limiter: ModelRateLimiter,
    /// Signs and verifies access tokens.
    pub tokens: Option<Tokens>,
    /// The SQS queue of messages to answer.
    pub queue: Option<Arc<dyn JobQueue>>,
    /// The SQS dead-letter queue.
    pub dead_letters: Option<Arc<dyn DeadLetterQueue>>,
    /// Sends text messages, if one-time codes are delivered by them.
    pub sms: Option<Arc<dyn SmsSender>>,
    /// The records of requests with an `Idempotency-Key`.
    pub idempotency_store: Option<Arc<dyn IdempotencyStore>>,
    /// The DynamoDB table.
    pub table: Option<Table>,
    /// Gemini.
    pub model: Option<Arc<dyn LanguageModel>>,
    /// Stripe.
    pub stripe: Option<Stripe>,
}

impl AppState {
    /// Builds the clients for `dependencies`. It builds no others: each one costs time at a cold
    /// start.
    pub fn new(config: Config, dependencies: &[Dependency]) -> Result<Self, SetupError> {
        let redis = Redis::new(config.redis_url.expose_secret()).map_err(setup)?;
        let state = Self {
            clock: Clock::default(),
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
pub(crate) fn nothing(_: &mut Setup) -> Result<(), SetupError> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "the signature that Dependency::make requires")]
pub(crate) fn tokens(setup: &mut Setup) -> Result<(), SetupError> {
    setup.state.tokens = Some(Tokens::of(&setup.state.config));
    Ok(())
}

pub(crate) fn sms(setup: &mut Setup) -> Result<(), SetupError> {
    if setup.state.config.codes.delivery == OtpDelivery::Sns {
        let sender = SnsSender::new(&setup.aws()?, setup.state.config.codes.sender_id.clone());
        setup.state.sms = Some(Arc::new(sender));
    }
    Ok(())
}

pub(crate) fn queue(setup: &mut Setup) -> Result<(), SetupError> {
    let queue = SqsQueue::new(&setup.aws()?, &setup.state.config.message_queue_url);
    setup.state.queue = Some(Arc::new(queue));
    Ok(())
}

pub(crate) fn dead_letters(setup: &mut Setup) -> Result<(), SetupError> {
    let queue = SqsQueue::new(&setup.aws()?, &setup.state.config.dead_letter_queue_url);
    setup.state.dead_letters = Some(Arc::new(queue));
    Ok(())
}

pub(crate) fn idempotency_store(setup: &mut Setup) -> Result<(), SetupError> {
    let table = Table::new(&setup.aws()?, &setup.state.config.table_name);
    setup.state.idempotency_store = Some(Arc::new(table));
    Ok(())
}

pub(crate) fn table(setup: &mut Setup) -> Result<(), SetupError> {
    setup.state.table = Some(Table::new(&setup.aws()?, &setup.state.config.table_name));
    Ok(())
}

pub(crate) fn gemini(setup: &mut Setup) -> Result<(), SetupError> {
    let settings = &setup.state.config.gemini;
    let client = Gemini::new(GeminiConfig {
        base_url: settings.base_url.clone(),
        api_key: settings.api_key.clone(),
        timeout: settings.timeout,
    });
    setup.state.model = Some(Arc::new(client.map_err(self::setup)?));
    Ok(())
}

pub(crate) fn stripe(setup: &mut Setup) -> Result<(), SetupError> {
    let BillingSettings { base_url, secret_key, .. } = &setup.state.config.billing;
    let config = StripeConfig { base_url: base_url.clone(), secret_key: secret_key.clone() };
    setup.state.stripe = Some(Stripe::new(&config).map_err(self::setup)?);
    Ok(())
}

fn database(config: &Config) -> Result<Database, SetupError> {
    let url = config.database_url.expose_secret();
    Database::new(DatabaseConfig { url, pool_size: config.database_pool_size, tls: client_config() })
        .map_err(setup)
}

fn setup(error: impl std::fmt::Display) -> SetupError {
    SetupError(error.to_string())
}

impl AppState {
    /// Takes a connection to Postgres from the pool.
    pub async fn db(&self) -> Result<Client, StoreError> {
        self.database.client().await
    }

    /// The signer and verifier of access tokens.
    pub fn tokens(&self) -> Result<&Tokens, NotConfigured> {
        self.tokens.as_ref().ok_or(NotConfigured(DependencyKind::Tokens))
    }

    /// The queue of messages to answer.
    pub fn queue(&self) -> Result<&dyn JobQueue, NotConfigured> {
        self.queue.as_deref().ok_or(NotConfigured(DependencyKind::Queue))
    }

    /// The dead-letter queue.
    pub fn dead_letters(&self) -> Result<&dyn DeadLetterQueue, NotConfigured> {
        self.dead_letters.as_deref().ok_or(NotConfigured(DependencyKind::DeadLetters))
    }

    /// The sender of text messages.
    pub fn sms(&self) -> Result<&dyn SmsSender, NotConfigured> {
        self.sms.as_deref().ok_or(NotConfigured(DependencyKind::Codes))
    }

    /// The records of requests with an `Idempotency-Key`.
    pub fn idempotency_store(&self) -> Result<&dyn IdempotencyStore, NotConfigured> {
        self.idempotency_store.as_deref().ok_or(NotConfigured(DependencyKind::IdempotencyStore))
    }

    /// The DynamoDB table.
    pub fn table(&self) -> Result<&Table, NotConfigured> {
        self.table.as_ref().ok_or(NotConfigured(DependencyKind::Table))
    }

    /// The client for Gemini.
    pub fn model(&self) -> Result<&dyn LanguageModel, NotConfigured> {
        self.model.as_deref().ok_or(NotConfigured(DependencyKind::Gemini))
    }

    /// The client for Stripe.
    pub fn stripe(&self) -> Result<&Stripe, NotConfigured> {
        self.stripe.as_ref().ok_or(NotConfigured(DependencyKind::Stripe))
    }
}
