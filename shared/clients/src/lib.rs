//! The network edges: Redis, SQS, DynamoDB, SNS and Gemini.
//!
//! A trait stands here where tests put a fake in place of a vendor's service ([`queue::JobQueue`],
//! [`queue::DeadLetterQueue`], [`sms::SmsSender`], [`gemini::LanguageModel`]); Redis, like Postgres, is always the real one.

pub mod aws;
pub mod callback;
pub mod gemini;
pub mod queue;
pub mod redis;
pub mod sms;
pub mod table;
pub mod tls;
