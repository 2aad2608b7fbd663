//! The edge towards clients: one middleware stack, one error type, typed callers and validated bodies.

mod answer;
mod caller;
mod client;
mod denied_sessions;
mod error;
mod extract;
mod guard;
mod idempotency;
pub mod local_limits;
pub mod openapi;
pub mod page;
mod problem;
mod routes;
mod serve;
mod stack;
mod user_view;

pub use answer::{MessageResponse, Success, success};
pub use caller::{Admin, Caller};
pub use client::ClientInfo;
pub use error::ApiError;
pub use extract::{Id, RawBody, Valid, ValidQuery};
pub use idempotency::{Execution, Operation};
pub use routes::{Route, Routes};
pub use serve::serve;
pub use stack::{Service, stack};
pub use user_view::UserView;
