//! All tests of the suite are in this module: `cargo dev test` selects them by its name.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod ai_sdk;
mod answering;
mod browser;
mod cargo_lambda_watch;
mod commands;
mod deletion;
mod documents;
mod generated_clients;
mod operator;
mod quota;
mod stack;
mod streaming;
mod subscription;
mod typescript_client;
mod web_client;
mod web_page;
mod worker;
