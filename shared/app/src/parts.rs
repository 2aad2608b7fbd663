//! [`App`]: what handlers share. Making one connects to nothing.

use std::ops::Deref;
use std::sync::Arc;

use clients::gemini::{Gemini, GeminiConfig, LanguageModel};
use clients::queue::{DeadLetterQueue, JobQueue, SqsQueue};
use clients::redis::Redis;
use clients::sms::{SmsSender, SnsSender};
use clients::stripe::{Stripe, StripeConfig};
use clients::table::Table;
use clients::tls::client_config;
use secrecy::ExposeSecret;
use store::{Client, Database, DatabaseConfig, StoreError};
use thiserror::Error;

use crate::{BillingSettings, Clock, Config, Need, OtpDelivery, Tokens};

/// A handler uses what its function's list of [`Need`]s does not name: a mistake of ours.
#[derive(Debug, Error)]
#[error("this function is not set up for {0:?}")]
pub struct NotConfigured(Need);

/// A part cannot be made out of the configuration.
#[derive(Debug, Error)]
#[error("the configuration is not usable: {0}")]
pub struct SetupError(String);

/// What handlers share; cloning it is cheap.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of an [`App`]. Those that not every function has are optional.
pub struct Parts {
    /// The configuration.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// Postgres.
    pub database: Database,
    /// Redis.
    pub redis: Redis,
    /// The key to access tokens.
    pub tokens: Option<Tokens>,
    /// The queue of messages to be answered.
    pub queue: Option<Arc<dyn JobQueue>>,
    /// Where jobs end up that were delivered too often.
    pub dead_letters: Option<Arc<dyn DeadLetterQueue>>,
    /// Text messages, where codes are sent by them.
    pub sms: Option<Arc<dyn SmsSender>>,
    /// The DynamoDB table.
    pub table: Option<Table>,
    /// Gemini.
    pub model: Option<Arc<dyn LanguageModel>>,
    /// Stripe.
    pub stripe: Option<Stripe>,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl From<Parts> for App {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Parts {
    /// The parts that a function with these `needs` uses; the others are left out, for making a client costs time at
    /// every cold start.
    ///
    /// # Errors
    /// When an address cannot be read.
    pub fn new(config: Config, needs: &[Need]) -> Result<Self, SetupError> {
        let needs = |need| needs.contains(&need);
        let sends_text = needs(Need::Codes) && config.codes.delivery == OtpDelivery::Sns;
        let calls_aws = sends_text || [Need::Queue, Need::DeadLetters, Need::Table].into_iter().any(needs);
        let aws = calls_aws.then(|| config.aws.load());
        let with_aws = |need| aws.as_ref().filter(|_| needs(need));
        Ok(Self {
            clock: Clock::default(),
            database: database(&config)?,
            redis: Redis::new(config.redis_url.expose_secret()).map_err(setup)?,
            tokens: needs(Need::Tokens).then(|| Tokens::of(&config)),
            dead_letters: with_aws(Need::DeadLetters)
                .map(|aws| Arc::new(SqsQueue::new(aws, &config.dead_letter_queue_url)) as _),
            queue: with_aws(Need::Queue)
                .map(|aws| Arc::new(SqsQueue::new(aws, &config.message_queue_url)) as _),
            sms: aws
                .as_ref()
                .filter(|_| sends_text)
                .map(|aws| Arc::new(SnsSender::new(aws, config.codes.sender_id.clone())) as _),
            table: with_aws(Need::Table).map(|aws| Table::new(aws, &config.table_name)),
            model: needs(Need::Gemini).then(|| gemini(&config)).transpose()?,
            stripe: needs(Need::Stripe).then(|| stripe(&config)).transpose()?,
            config,
        })
    }
}

fn database(config: &Config) -> Result<Database, SetupError> {
    let url = config.database_url.expose_secret();
    Database::new(DatabaseConfig { url, pool_size: config.database_pool_size, tls: client_config() })
        .map_err(setup)
}

fn gemini(config: &Config) -> Result<Arc<dyn LanguageModel>, SetupError> {
    let settings = &config.gemini;
    let client = Gemini::new(GeminiConfig {
        base_url: settings.base_url.clone(),
        api_key: settings.api_key.clone(),
        timeout: settings.timeout,
    });
    Ok(Arc::new(client.map_err(setup)?))
}

fn stripe(config: &Config) -> Result<Stripe, SetupError> {
    let BillingSettings { base_url, secret_key, .. } = &config.billing;
    let config = StripeConfig { base_url: base_url.clone(), secret_key: secret_key.clone() };
    Stripe::new(&config).map_err(setup)
}

fn setup(error: impl std::fmt::Display) -> SetupError {
    SetupError(error.to_string())
}

impl App {
    /// A connection to Postgres.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn db(&self) -> Result<Client, StoreError> {
        self.database.client().await
    }

    /// The key to access tokens.
    ///
    /// # Errors
    /// When this function was not set up for it.
    pub fn tokens(&self) -> Result<&Tokens, NotConfigured> {
        self.tokens.as_ref().ok_or(NotConfigured(Need::Tokens))
    }

    /// The queue.
    ///
    /// # Errors
    /// When this function was not set up for it.
    pub fn queue(&self) -> Result<&dyn JobQueue, NotConfigured> {
        self.queue.as_deref().ok_or(NotConfigured(Need::Queue))
    }

    /// The dead-letter queue.
    ///
    /// # Errors
    /// When this function was not set up for it.
    pub fn dead_letters(&self) -> Result<&dyn DeadLetterQueue, NotConfigured> {
        self.dead_letters.as_deref().ok_or(NotConfigured(Need::DeadLetters))
    }

    /// Text messages.
    ///
    /// # Errors
    /// When this function was not set up for them.
    pub fn sms(&self) -> Result<&dyn SmsSender, NotConfigured> {
        self.sms.as_deref().ok_or(NotConfigured(Need::Codes))
    }

    /// The table.
    ///
    /// # Errors
    /// When this function was not set up for it.
    pub fn table(&self) -> Result<&Table, NotConfigured> {
        self.table.as_ref().ok_or(NotConfigured(Need::Table))
    }

    /// Gemini.
    ///
    /// # Errors
    /// When this function was not set up for it.
    pub fn model(&self) -> Result<&dyn LanguageModel, NotConfigured> {
        self.model.as_deref().ok_or(NotConfigured(Need::Gemini))
    }

    /// Stripe.
    ///
    /// # Errors
    /// When this function was not set up for it.
    pub fn stripe(&self) -> Result<&Stripe, NotConfigured> {
        self.stripe.as_ref().ok_or(NotConfigured(Need::Stripe))
    }
}
