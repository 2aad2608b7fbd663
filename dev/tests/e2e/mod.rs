//! All tests of the suite are below this module: `cargo dev test` tells them from the others by its name.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod answering;
mod browser;
mod cargo_lambda_watch;
mod leaving;
mod operator;
mod paying;
mod person;
mod quota;
mod stack;
mod worker;
