//! The foundation of every function: configuration, clock, access tokens, telemetry, and
//! [`AppState`], which holds the connections that handlers share.

mod clock;
mod config;
mod dependency;
mod dependency_kind;
mod duration;
pub mod functions;
pub mod metrics;
mod state;
mod switches;
pub mod telemetry;
mod tokens;
pub mod trace;

pub use clock::{Clock, rng};
pub use config::{
    BillingSettings, CancelOnDispute, CodeSettings, Config, ConfigError, ConfigProblem, Environment,
    GeminiSettings, Model, Models, OtpDelivery, RateLimits, Release, StreamBaseUrl, TestNumber, VARIABLES,
    Variable, WorkerSettings, is_version_of,
};
pub use dependency::{Dependency, SetupError};
pub use state::{AppState, NotConfigured};
pub use switches::Switches;
pub use tokens::{Claims, TokenError, Tokens};
