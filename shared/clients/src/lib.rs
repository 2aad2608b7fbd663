//! The network edges: Redis, SQS, DynamoDB, SNS, Gemini and Stripe.
//!
//! A trait stands here where tests put a fake in place of a vendor's service ([`queue::JobQueue`],
//! [`queue::DeadLetterQueue`], [`sms::SmsSender`], [`gemini::LanguageModel`]); Redis, like Postgres, is always the real one, and
//! Stripe is the stand-in of `cargo dev`, which keeps accounts apart by their keys as Stripe does.

pub mod aws;
pub mod callback;
pub mod gemini;
mod http;
pub mod queue;
pub mod redis;
pub mod sms;
pub mod stripe;
pub mod table;
pub mod tls;
