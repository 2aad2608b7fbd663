//! [`DependencyKind`].

/// The kinds of [`Dependency`](crate::Dependency).
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
    Switches,
    Gemini,
    Stripe,
    StripeWebhooks,
}
