//! What the functions share: configuration, clock, tokens, telemetry, and [`App`], which holds it all.

mod billing;
mod chatroom_list;
mod clock;
mod config;
mod duration;
mod env;
mod jobs;
mod need;
mod parts;
mod price;
mod sessions;
pub mod telemetry;
mod tokens;

pub use billing::{BillingError, Settled};
pub use clock::{Clock, rng};
pub use config::{
    BillingSettings, CodeSettings, Config, Environment, GeminiSettings, OtpDelivery, RateLimits, TestNumber,
    WorkerSettings,
};
pub use env::ConfigError;
pub use need::Need;
pub use parts::{App, NotConfigured, Parts, SetupError};
pub use price::PlanPrice;
pub use tokens::{Claims, TokenError, Tokens};
