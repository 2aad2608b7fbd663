//! Conversations and messages. One file an endpoint.

mod accepting;
mod cancel_message;
mod create;
mod delete;
mod get;
mod list;
mod message_status;
mod retry_message;
mod search;
mod send_message;
#[cfg(test)]
mod tests;
mod update;
mod views;

use app::Dependency;
use utoipa::OpenApi;
use web::Routes;
use web::openapi::Part;

/// What this function cannot do without.
pub const DEPENDENCIES: &[Dependency] = &[
    Dependency::DATABASE,
    Dependency::REDIS,
    Dependency::TOKENS,
    Dependency::QUEUE,
    Dependency::IDEMPOTENCY_STORE,
];

/// The routes below `/api/chatroom`.
pub fn routes() -> Routes {
    Routes::new()
        .idempotent_post("/api/chatroom", create::handle)
        .read("/api/chatroom", list::handle)
        .get("/api/chatroom/search", search::handle)
        .read("/api/chatroom/{id}", get::handle)
        .patch("/api/chatroom/{id}", update::handle)
        .delete("/api/chatroom/{id}", delete::handle)
        .idempotent_post("/api/chatroom/{id}/message", send_message::handle)
        .read("/api/chatroom/message/{id}/status", message_status::handle)
        .post("/api/chatroom/message/{id}/cancel", cancel_message::handle)
        .idempotent_post("/api/chatroom/message/{id}/retry", retry_message::handle)
}

/// What the handlers say of themselves.
#[derive(OpenApi)]
#[openapi(
    tags((name = "Chatroom", description = "Conversations and messages.")),
    paths(create::handle, list::handle, search::handle, get::handle, update::handle, delete::handle, send_message::handle, message_status::handle, cancel_message::handle, retry_message::handle)
)]
struct Documentation;

/// The routes, and what is said of them in the OpenAPI document.
#[must_use]
pub fn documented() -> Part {
    Part { routes: routes(), document: Documentation::openapi() }
}
