//! What the functions share: configuration, clock, tokens, telemetry, and [`App`], which holds it all.

mod chatroom_list;
mod clock;
mod config;
mod duration;
mod env;
mod jobs;
mod parts;
mod sessions;
pub mod telemetry;
mod tokens;

pub use clock::{Clock, rng};
pub use config::{
    CodeSettings, Config, Environment, GeminiSettings, Need, OtpDelivery, RateLimits, TestNumber,
    WorkerSettings,
};
pub use env::ConfigError;
pub use parts::{App, NotConfigured, Parts, SetupError};
pub use tokens::{Claims, TokenError, Tokens};
