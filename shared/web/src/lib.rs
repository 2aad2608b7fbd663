//! The HTTP edge of every function: routes, middleware, error type, typed callers and validated
//! bodies.

mod answer_request_error;
mod body_limit;
mod caller;
mod client_info;
mod credentials;
mod deadline;
mod endpoints;
mod error;
mod extract;
mod message_view;
mod middleware;
pub mod openapi;
mod operation;
pub mod page;
mod problem;
mod quota_headers;
mod routes;
mod serve;
mod stack;
mod success;
pub mod user_limit;
mod user_view;

pub use caller::{Admin, Caller, CallerOrSuspended};
pub use client_info::ClientInfo;
pub use credentials::Credentials;
pub use deadline::Deadline;
pub use error::ApiError;
pub use extract::{Id, OptionalBody, RawBody, Valid, ValidQuery};
pub use message_view::{MessageView, ReplyView};
pub use operation::Operation;
pub use quota_headers::quota_headers;
pub use routes::{Route, RoutePolicy, Routes};
pub use serve::{serve, serve_streaming};
pub use services::Execution;
pub use stack::{Service, stack};
pub use success::{MessageResponse, Success, success};
pub use user_view::UserView;
