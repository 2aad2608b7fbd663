//! The names of the stack's services: in `state.json`, in `cargo dev status`, and of their logs.

/// What takes requests and routes them to the functions.
pub const API: &str = "api";

/// The AWS emulator.
pub const AWS: &str = "aws";

/// The processes of the functions.
pub const FUNCTIONS: &str = "functions";

/// The mock server for Gemini.
pub const GEMINI: &str = "gemini";

/// PostgreSQL.
pub const POSTGRES: &str = "postgres";

/// What drives the worker from its queue.
pub const PUMP: &str = "pump";

/// Redis.
pub const REDIS: &str = "redis";

/// The mock server for Stripe.
pub const STRIPE: &str = "stripe";
