//! The foundation of every function: configuration, clock, access tokens, telemetry, and
//! [`AppState`], which holds the connections that handlers share.

mod clock;
mod config;
mod dependency;
mod duration;
mod env;
mod state;
pub mod telemetry;
mod tokens;

pub use clock::{Clock, rng};
pub use config::{
    BillingSettings, CodeSettings, Config, Environment, GeminiSettings, OtpDelivery, RateLimits, TestNumber,
    VARIABLES, Variable, WorkerSettings,
};
pub use dependency::Dependency;
pub use env::ConfigError;
pub use state::{AppState, NotConfigured, SetupError};
pub use tokens::{Claims, TokenError, Tokens};
