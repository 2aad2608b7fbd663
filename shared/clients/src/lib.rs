//! The network edges: Redis, SQS, DynamoDB, SNS, Gemini, Stripe and OpenTelemetry.
//!
//! Traits exist only where tests put a fake in place of a vendor's service: [`queue::JobQueue`],
//! [`queue::DeadLetterQueue`], [`sms::SmsSender`], [`gemini::LanguageModel`]. Redis, like Postgres,
//! is always the real one. Stripe is the mock server of `cargo dev`, which keeps one account for
//! each secret key.

pub mod aws;
pub mod cloud_formation;
pub mod gemini;
mod http;
pub mod otlp;
pub mod queue;
pub mod redis;
pub mod sms;
pub mod stripe;
pub mod table;
pub mod tls;
