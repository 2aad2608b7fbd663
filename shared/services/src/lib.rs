//! Operations that more than one function performs, as functions over
//! [`&AppState`](app::AppState). They know nothing of HTTP: each returns its own error type.

pub mod billing;
pub mod chatroom_list;
pub mod jobs;
pub mod passwords;
pub mod plan_price;
pub mod sessions;
