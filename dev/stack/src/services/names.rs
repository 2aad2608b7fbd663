//! The services' names in `state.json`, in `cargo dev status` and of their logs.

pub const AWS: &str = "aws";
pub const EVENT_SOURCE_MAPPING: &str = "event-source-mapping";
pub const GEMINI: &str = "gemini";
/// The local Lambda, with API Gateway and the schedules.
pub const LAMBDA: &str = "lambda";
pub const POSTGRES: &str = "postgres";
pub const REDIS: &str = "redis";
pub const STRIPE: &str = "stripe";
