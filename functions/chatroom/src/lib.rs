//! The endpoints below `/api/chatroom`: chatrooms and their messages. One file per endpoint.

mod accepted_message;
mod cancel_message;
mod create_chatroom;
mod delete_chatroom;
mod get_chatroom;
mod get_message_status;
mod list_chatrooms;
mod quota_response;
mod retry_message;
mod search_messages;
mod send_message;
#[cfg(test)]
mod tests;
mod update_chatroom;
mod views;

use app::Dependency;

/// What this function requires to start.
pub const DEPENDENCIES: &[Dependency] = &[
    Dependency::DATABASE,
    Dependency::REDIS,
    Dependency::TOKENS,
    Dependency::QUEUE,
    Dependency::IDEMPOTENCY_STORE,
];

web::endpoints! {
    tag: "Chatroom", "Chatrooms and their messages.";
    create_chatroom: Idempotent,
    list_chatrooms: SpeculativeRead,
    search_messages: Standard,
    get_chatroom: SpeculativeRead,
    update_chatroom: Standard,
    delete_chatroom: Standard,
    send_message: IdempotentLongText,
    get_message_status: SpeculativeRead,
    cancel_message: Standard,
    retry_message: Idempotent,
}
