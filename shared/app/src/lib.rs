//! What the functions share: configuration, clock, tokens, telemetry, and [`App`], which holds it all.

mod chatroom_list;
mod clock;
mod config;
mod duration;
mod env;
mod jobs;
mod parts;
pub mod telemetry;
mod tokens;

pub use clock::{Clock, rng};
pub use config::{Config, Environment, GeminiSettings, Need, OtpDelivery, RateLimits, WorkerSettings};
pub use env::ConfigError;
pub use parts::{App, NotConfigured, Parts, SetupError};
pub use tokens::{Claims, TokenError, Tokens};
