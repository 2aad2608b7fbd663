//! The endpoints below `/api/chatroom`: chatrooms and their messages. One file per endpoint.

mod accepted_message;
mod cancel_message;
mod create_chatroom;
mod delete_chatroom;
mod delete_message;
mod edit_message;
mod get_chatroom;
mod get_message_status;
mod give_feedback;
mod list_chatrooms;
mod list_models;
mod long_poll;
mod model_choice;
mod regenerate_answer;
mod retry_message;
mod search_messages;
mod send_message;
mod switch_branch;
#[cfg(test)]
mod tests;
mod update_chatroom;
mod views;

pub use app::functions::CHATROOM as DEPENDENCIES;

web::endpoints! {
    tag: "Chatroom", "Chatrooms and their messages.";
    create_chatroom: Idempotent,
    list_chatrooms: SpeculativeRead,
    search_messages: Standard,
    list_models: SpeculativeRead,
    get_chatroom: SpeculativeRead,
    update_chatroom: Standard,
    delete_chatroom: Standard,
    send_message: IdempotentLongText,
    get_message_status: SpeculativeRead,
    cancel_message: Standard,
    retry_message: Idempotent,
    regenerate_answer: Idempotent,
    edit_message: IdempotentLongText,
    delete_message: Standard,
    switch_branch: Standard,
    give_feedback: Standard,
}
