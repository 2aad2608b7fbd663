//! The HTTP edge of every function: routes, middleware, error type, typed callers and validated
//! bodies.

mod body_limit;
mod caller;
mod client_info;
mod endpoints;
mod error;
mod extract;
mod middleware;
pub mod openapi;
mod operation;
pub mod page;
mod problem;
mod routes;
mod serve;
mod stack;
mod success;
mod user_view;

pub use caller::{Admin, Caller};
pub use client_info::ClientInfo;
pub use error::ApiError;
pub use extract::{Id, RawBody, Valid, ValidQuery};
pub use operation::{Execution, Operation};
pub use routes::{Route, RoutePolicy, Routes};
pub use serve::serve;
pub use stack::{Service, stack};
pub use success::{MessageResponse, Success, success};
pub use user_view::UserView;
