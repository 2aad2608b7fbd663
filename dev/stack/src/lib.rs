//! The local stack: starts PostgreSQL, Redis, the AWS emulator and the mock servers, runs the migrations and starts the
//! functions. What runs as another process of `cargo dev` (the mock servers, the functions, the event source mapping) is
//! started through its hidden subcommands, so that this crate imports none of them.

pub mod functions;
pub mod home;
pub mod names;
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

pub use self::stack::{DATABASE, Plan, Stack, TEST_DATABASE, aws_of, clear, fresh_logs};
