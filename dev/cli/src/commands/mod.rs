//! The subcommands of `cargo dev`, one module each.

pub mod admin;
pub mod bench;
pub mod demo;
pub mod deploy;
pub mod env;
pub mod faults;
pub mod logs;
pub mod open;
pub mod openapi;
pub mod psql;
pub mod reset;
pub mod screenshots;
pub mod smoke;
pub mod status;
pub mod stripe;
pub mod test;
pub mod up;

use std::process::ExitCode;

use anyhow::{Result, bail};
use stack::StackFolder;
use stack::process::interrupted;

/// Runs tests or measurements in `folder`, unless a signal ends them. `stop` runs before and after,
/// whatever the outcome, so that no process is left running.
async fn run_suite<T>(
    folder: &StackFolder,
    stop: impl AsyncFn(&StackFolder) -> Result<()>,
    suite: impl AsyncFnOnce(&StackFolder) -> Result<T>,
) -> Result<T> {
    let _lock = folder.lock_for_tests()?;
    stop(folder).await?;
    let outcome = tokio::select! {
        outcome = suite(folder) => outcome,
        signal = interrupted() => signal.and_then(|signal| bail!("ended by {signal}")),
    };
    stop(folder).await?;
    outcome
}

fn exit_code(passed: bool) -> ExitCode {
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
