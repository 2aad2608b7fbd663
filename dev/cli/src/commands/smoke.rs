//! `cargo dev smoke`

use std::process::ExitCode;

use anyhow::Result;
use stack::StackFolder;
use stack::functions::MIGRATE;
use stack::progress;
use stack::state::State;

use super::admin::function;
use super::exit_code;

/// Runs the smoke test of a deployment against the running stack, and prints its steps.
pub async fn run(folder: &StackFolder) -> Result<ExitCode> {
    let url = State::load_running(folder)?.base_url;
    let output = function(folder, MIGRATE).await?.args(["smoke", &url]).try_output().await?;
    // Lines of the log are JSON.
    for line in String::from_utf8_lossy(&output.stdout).lines().filter(|line| !line.starts_with('{')) {
        progress::print(format_args!("{line}\n"));
    }
    let is_success = output.status.success();
    if !is_success {
        progress::print(format_args!("{}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(exit_code(is_success))
}
