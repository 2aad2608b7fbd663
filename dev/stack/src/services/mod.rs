//! The processes of the stack, each on a free port of the loopback address: what the functions
//! depend on, the local Lambda that runs them, and the event source mapping.

pub mod aws;
pub mod event_source_mapping;
pub mod gemini;
pub mod lambda;
pub mod postgres;
pub mod redis;
pub mod stripe;

pub use self::aws::Aws;

/// The services' names in `state.json`, in `cargo dev status` and of their logs.
pub mod names {
    /// The AWS emulator.
    pub const AWS: &str = "aws";
    /// The event source mapping between the queue and the worker.
    pub const EVENT_SOURCE_MAPPING: &str = "event-source-mapping";
    /// Mock Gemini.
    pub const GEMINI: &str = "gemini";
    /// The local Lambda, with API Gateway and the schedules.
    pub const LAMBDA: &str = "lambda";
    /// PostgreSQL.
    pub const POSTGRES: &str = "postgres";
    /// Redis.
    pub const REDIS: &str = "redis";
    /// Mock Stripe.
    pub const STRIPE: &str = "stripe";
}
