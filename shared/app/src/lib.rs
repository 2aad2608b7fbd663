//! The foundation of every function: configuration, clock, access tokens, telemetry, and
//! [`AppState`], which holds the connections that handlers share.

mod clock;
mod config;
mod dependency;
mod dependency_kind;
mod duration;
pub mod metrics;
mod state;
pub mod telemetry;
mod tokens;
pub mod trace;

pub use clock::{Clock, rng};
pub use config::{
    BillingSettings, CancelOnDispute, CodeSettings, Config, ConfigError, Environment, GeminiSettings, Model,
    Models, OtpDelivery, RateLimits, StreamBaseUrl, TestNumber, VARIABLES, Variable, WorkerSettings,
    is_version_of,
};
pub use dependency::{Dependency, SetupError};
pub use state::{AppState, NotConfigured};
pub use tokens::{Claims, TokenError, Tokens};
