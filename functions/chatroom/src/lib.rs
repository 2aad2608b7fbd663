//! Conversations and messages. One file an endpoint.

mod accepting;
mod cancel_message;
mod create;
mod delete;
mod get;
mod list;
mod list_cache;
mod message_status;
mod retry_message;
mod send_message;
#[cfg(test)]
mod tests;
mod update;
mod views;

use app::Need;
use axum::routing;
use web::Routes;

/// What this function cannot do without.
pub const NEEDS: &[Need] = &[Need::Database, Need::Redis, Need::Tokens, Need::Queue, Need::Table];

/// The routes below `/api/chatroom`.
pub fn routes() -> Routes {
    Routes::new()
        .idempotent("/api/chatroom", routing::post(create::handle).get(list::handle))
        .route("/api/chatroom/{id}", routing::get(get::handle).patch(update::handle).delete(delete::handle))
        .idempotent("/api/chatroom/{id}/message", routing::post(send_message::handle))
        .route("/api/chatroom/message/{id}/status", routing::get(message_status::handle))
        .route("/api/chatroom/message/{id}/cancel", routing::post(cancel_message::handle))
        .idempotent("/api/chatroom/message/{id}/retry", routing::post(retry_message::handle))
}
