//! All tests of the suite are in this module: `cargo dev test` selects them by its name.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod ai_sdk;
mod answering;
mod api_explorer;
mod cargo_lambda_watch;
mod commands;
mod deletion;
mod documents;
mod generated_clients;
mod operator;
mod quota;
mod seeded_messages;
mod smoke;
mod stack;
mod streaming;
mod subscription;
mod traces;
mod typescript_client;
mod web_account;
mod web_chat;
mod web_client;
mod web_door;
mod web_load;
mod web_messages;
mod web_phone;
mod web_rooms;
mod web_states;
mod worker;
