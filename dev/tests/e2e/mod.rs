//! All tests of the suite are in this module: `cargo dev test` selects them by its name.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

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
mod subscription;
mod web_client;
mod worker;
