//! The rules of the product: types and decisions without any I/O.
//!
//! Nothing here reads a clock, an environment variable or a socket; time and randomness come in as arguments.
//! Types that clients send (`Text`, `MobileNumber`, ...) deserialise from a string whatever it holds and say
//! what is wrong with it by [`garde::Validate`], so that one answer can name every wrong field at once.

pub mod backoff;
pub mod breached;
pub mod fingerprint;
pub mod history;
pub mod id;
pub mod job;
pub mod message;
pub mod mobile_number;
pub mod model_quota;
pub mod named;
pub mod otp;
pub mod password;
pub mod plan;
pub mod quota;
pub mod redirect;
pub mod refresh_token;
pub mod role;
mod schema;
pub mod search;
pub mod session;
pub mod subscription;
pub mod text;

pub use id::{ChatroomId, MessageId, SessionId, UserId};
pub use mobile_number::MobileNumber;
pub use plan::Tier;
pub use role::Role;
pub use text::Text;
