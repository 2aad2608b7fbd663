//! [`Dependency`]: what a function requires to start.

use crate::state::{self, Setup, SetupError};

/// Something that a function requires to start: its variables must be set, and
/// [`AppState`](crate::AppState) gets a client for it. The binary of a function links only the
/// clients of its own dependencies.
#[derive(Debug, Clone, Copy)]
pub struct Dependency {
    pub(crate) kind: DependencyKind,
    pub(crate) make: fn(&mut Setup) -> Result<(), SetupError>,
}

/// The kinds of [`Dependency`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DependencyKind {
    Database,
    Redis,
    Tokens,
    Codes,
    Queue,
    DeadLetters,
    IdempotencyStore,
    Table,
    Gemini,
    Stripe,
    StripeWebhooks,
}

impl Dependency {
    /// `DATABASE_URL`.
    pub const DATABASE: Self = Self::new(DependencyKind::Database, state::nothing);
    /// `REDIS_URL`.
    pub const REDIS: Self = Self::new(DependencyKind::Redis, state::nothing);
    /// `JWT_SECRET`.
    pub const TOKENS: Self = Self::new(DependencyKind::Tokens, state::tokens);
    /// `OTP_DELIVERY`; also `AWS_REGION` when that is `sns`.
    pub const CODES: Self = Self::new(DependencyKind::Codes, state::sms);
    /// `MESSAGE_QUEUE_URL` and `AWS_REGION`.
    pub const QUEUE: Self = Self::new(DependencyKind::Queue, state::queue);
    /// `MESSAGE_DEAD_LETTER_QUEUE_URL` and `AWS_REGION`.
    pub const DEAD_LETTERS: Self = Self::new(DependencyKind::DeadLetters, state::dead_letters);
    /// `TABLE_NAME` and `AWS_REGION`, for requests with an `Idempotency-Key`.
    pub const IDEMPOTENCY_STORE: Self = Self::new(DependencyKind::IdempotencyStore, state::idempotency_store);
    /// `TABLE_NAME` and `AWS_REGION`, for job records and processed Stripe events.
    pub const TABLE: Self = Self::new(DependencyKind::Table, state::table);
    /// `GEMINI_API_KEY`.
    pub const GEMINI: Self = Self::new(DependencyKind::Gemini, state::gemini);
    /// `STRIPE_SECRET_KEY` and `STRIPE_PRICE_ID`.
    pub const STRIPE: Self = Self::new(DependencyKind::Stripe, state::stripe);
    /// `STRIPE_WEBHOOK_SECRET`.
    pub const STRIPE_WEBHOOKS: Self = Self::new(DependencyKind::StripeWebhooks, state::nothing);

    const fn new(kind: DependencyKind, make: fn(&mut Setup) -> Result<(), SetupError>) -> Self {
        Self { kind, make }
    }
}
