//! The local stack and the test runner, `cargo dev`: see `docs/local.md`.

// Stripe's objects have some hundred fields, and `json!` goes one level deeper for each.
#![recursion_limit = "512"]

pub mod bench;
pub mod commands;
#[cfg(test)]
mod contract;
pub mod cost;
pub mod faults;
pub mod fleet;
pub mod functions;
pub mod gemini;
pub mod home;
pub mod lambda;
pub mod ports;
pub mod process;
pub mod progress;
pub mod pump;
pub mod python;
pub mod services;
pub mod settings;
pub mod stack;
pub mod state;
pub mod stripe;
pub mod template;
pub mod web;
