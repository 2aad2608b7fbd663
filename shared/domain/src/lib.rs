//! The rules of the product: types and decisions without any I/O.
//!
//! Nothing here reads a clock, an environment variable or a socket; time and randomness are
//! arguments. Types that clients send (`Text`, `MobileNumber`, ...) deserialise from any string and
//! report errors through [`garde::Validate`], so that one response can name every invalid field.

pub mod backoff;
pub mod blank;
pub mod breached;
pub mod chatroom_order;
pub mod currency;
pub mod feedback;
pub mod fingerprint;
pub mod history;
pub mod id;
pub mod job;
mod keyed_hash;
pub mod message;
pub mod mobile_number;
pub mod model_quota;
pub mod operator_action;
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
pub mod spending;
pub mod string_enum;
pub mod subscription;
pub mod switches;
pub mod text;
pub mod title;
pub mod trace;

pub use blank::is_blank;
pub use chatroom_order::{ChatroomCursor, ChatroomSort};
pub use id::{ChatroomId, GenerationId, MessageId, SessionId, UserId};
pub use mobile_number::{AccountNumber, MobileNumber};
pub use operator_action::{OperatorAction, OperatorTarget};
pub use plan::Tier;
pub use role::Role;
pub use text::Text;
pub use trace::{RequestOrigin, TraceContext};
