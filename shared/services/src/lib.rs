//! Operations that more than one function performs, as functions over
//! [`&AppState`](app::AppState). Each returns its own error type, which `web` turns into a problem
//! document.

pub mod answer_requests;
pub mod answer_stream;
pub mod billing;
pub mod chatroom_list;
mod execution;
pub mod jobs;
pub mod passwords;
pub mod plan_price;
pub mod sessions;
pub mod spending;

pub use execution::Execution;
