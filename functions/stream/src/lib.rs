//! The endpoints below `/api/stream` and `/api/chat`: answers as they are written. Lambda streams their
//! responses, which only a REST API of API Gateway passes on. One file per endpoint.

mod chat_request;
mod client_id;
mod encoder;
mod event_data;
mod live_body;
mod reader;
mod resume_chat;
mod send_chat_message;
mod stream_answer;
mod submitting;
#[cfg(test)]
mod tests;
mod ui_messages;

pub use app::functions::STREAM as DEPENDENCIES;

web::endpoints! {
    tag: "Stream", "Answers as they are written.", shared: live_body::Timing;
    stream_answer: Standard,
    send_chat_message: Conversation,
    resume_chat: Standard,
}
