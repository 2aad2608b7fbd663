//! [`AppState`]: the connections that handlers share. Building it opens no connection.

use std::sync::Arc;

use clients::gemini::LanguageModel;
use clients::queue::{DeadLetterQueue, JobQueue};
use clients::redis::Redis;
use clients::redis::model_rate_limiter::ModelRateLimiter;
use clients::redis::rate_limiter::RateLimiter;
use clients::sms::SmsSender;
use clients::stripe::Stripe;
use clients::table::Table;
use clients::table::idempotency::IdempotencyStore;
use store::{Client, Database, StoreError};
use thiserror::Error;

use crate::dependency_kind::DependencyKind;
use crate::metrics::Metrics;
use crate::trace::Tracer;
use crate::{Clock, Config, Switches, Tokens};

/// A programming error: a handler uses a client that its function's list of
/// [`Dependency`](crate::Dependency)s does
/// not name.
#[derive(Debug, Error)]
#[error("this function does not declare the dependency {0:?}")]
pub struct NotConfigured(DependencyKind);

/// The connections that handlers share, as an `Arc<AppState>`. Postgres, Redis and the limits that
/// count in Redis are always there; the others only if the function's dependencies name them.
pub struct AppState {
    /// The configuration.
    pub config: Config,
    /// The clock.
    pub clock: Clock,
    /// Writes metrics.
    pub metrics: Metrics,
    /// Exports spans.
    pub tracer: Tracer,
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
    /// What an operator has paused.
    pub switches: Switches,
    /// Gemini.
    pub model: Option<Arc<dyn LanguageModel>>,
    /// Stripe.
    pub stripe: Option<Stripe>,
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
