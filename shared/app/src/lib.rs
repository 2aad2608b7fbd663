//! What the functions share: configuration, clock, tokens, telemetry, and [`AppState`], which holds it all.

mod billing;
mod chatroom_list;
mod clock;
mod config;
mod dependency;
mod duration;
mod env;
mod jobs;
mod price;
mod sessions;
mod state;
pub mod telemetry;
mod tokens;

pub use billing::{BillingError, Settled};
pub use clock::{Clock, rng};
pub use config::{
    BillingSettings, CodeSettings, Config, Environment, GeminiSettings, OtpDelivery, RateLimits, TestNumber,
    WorkerSettings,
};
pub use dependency::Dependency;
pub use env::ConfigError;
pub use price::PlanPrice;
pub use state::{AppState, NotConfigured, SetupError};
pub use tokens::{Claims, TokenError, Tokens};
