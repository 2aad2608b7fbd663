//! `cargo dev faults`

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use harness::Scale;
use stack::{StackFolder, functions};

use super::{exit_code, run_suite};

#[derive(Debug, Args)]
pub struct Options {
    /// Run each scenario at a small scale, as `cargo dev test` does.
    #[arg(long)]
    short: bool,
    /// How many minutes the scenario `soak` lasts [default: 5, or half a minute with --short].
    #[arg(long)]
    minutes: Option<u64>,
    /// Run only these scenarios, by their names in the table.
    names: Vec<String>,
}

/// Runs the scenarios and prints the results. Fails when a promise is broken.
pub async fn run(options: Options) -> Result<ExitCode> {
    let known = faults::scenario_names();
    if let Some(unknown) = options.names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("there is no scenario called {unknown}; choose from {}", known.join(", "));
    }
    functions::build(&StackFolder::of_suite("faults")).await?;
    let scale = if options.short { Scale::Short } else { Scale::Full };
    run_scenarios(scale, options.minutes.map(Duration::from_mins), &options.names).await.map(exit_code)
}

/// Runs scenarios on functions that are built, and returns whether every promise held.
pub(super) async fn run_scenarios(scale: Scale, soak: Option<Duration>, names: &[String]) -> Result<bool> {
    let suite = async |folder: &StackFolder| faults::run(folder, scale, soak, names).await;
    run_suite(&StackFolder::of_suite("faults"), faults::clear, suite).await
}
