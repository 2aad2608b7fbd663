//! The local stack: starts PostgreSQL, Redis, the AWS emulator and the mock servers, runs the
//! migrations and starts the functions. Other parts of `cargo dev` (the mock servers, the local
//! Lambda, the event source mapping) run as processes of its hidden subcommands, so that this crate
//! imports none of them.

#![expect(
    missing_docs,
    clippy::must_use_candidate,
    reason = "items are public for other crates of dev only; comments add what the names do not say"
)]

mod durability;
mod folder;
pub mod functions;
pub mod ports;
pub mod process;
pub mod progress;
pub mod python;
pub mod services;
pub mod settings;
mod stack;
pub mod state;
pub mod template;
pub mod web;

pub use self::durability::Durability;
pub use self::folder::{StackFolder, checkout};
pub use self::stack::{Stack, TEST_DATABASE, remove_data, remove_logs, stop};
