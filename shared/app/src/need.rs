//! [`Need`]: what a function cannot do without.

use crate::parts::{self, Setup, SetupError};

/// Something that a function cannot do without: the variables that must be set for it, and the part of an
/// [`App`](crate::App) that is made of them. A function is linked with what its list of needs makes, and nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    pub(crate) kind: Kind,
    pub(crate) make: fn(&mut Setup) -> Result<(), SetupError>,
}

/// What a [`Need`] is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Database,
    Redis,
    Tokens,
    Codes,
    Queue,
    DeadLetters,
    Keys,
    Table,
    Gemini,
    Stripe,
    StripeWebhooks,
}

impl Need {
    /// `DATABASE_URL`.
    pub const DATABASE: Self = Self::new(Kind::Database, parts::nothing);
    /// `REDIS_URL`.
    pub const REDIS: Self = Self::new(Kind::Redis, parts::nothing);
    /// `JWT_SECRET`.
    pub const TOKENS: Self = Self::new(Kind::Tokens, parts::tokens);
    /// `OTP_DELIVERY`, and where that is `sns` `AWS_REGION`.
    pub const CODES: Self = Self::new(Kind::Codes, parts::sms);
    /// `MESSAGE_QUEUE_URL` and `AWS_REGION`.
    pub const QUEUE: Self = Self::new(Kind::Queue, parts::queue);
    /// `MESSAGE_DEAD_LETTER_QUEUE_URL` and `AWS_REGION`.
    pub const DEAD_LETTERS: Self = Self::new(Kind::DeadLetters, parts::dead_letters);
    /// `TABLE_NAME` and `AWS_REGION`, for requests with an `Idempotency-Key`.
    pub const KEYS: Self = Self::new(Kind::Keys, parts::keys);
    /// `TABLE_NAME` and `AWS_REGION`, for what else is in the table.
    pub const TABLE: Self = Self::new(Kind::Table, parts::table);
    /// `GEMINI_API_KEY`.
    pub const GEMINI: Self = Self::new(Kind::Gemini, parts::gemini);
    /// `STRIPE_SECRET_KEY` and `STRIPE_PRICE_ID`.
    pub const STRIPE: Self = Self::new(Kind::Stripe, parts::stripe);
    /// `STRIPE_WEBHOOK_SECRET`.
    pub const STRIPE_WEBHOOKS: Self = Self::new(Kind::StripeWebhooks, parts::nothing);

    const fn new(kind: Kind, make: fn(&mut Setup) -> Result<(), SetupError>) -> Self {
        Self { kind, make }
    }
}
