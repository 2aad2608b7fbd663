//! `cargo dev faults`

use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use harness::Scale;
use stack::functions::{self, Reload};
use stack::home::Home;

use super::interrupted;

/// What to break.
#[derive(Debug, Args)]
pub struct Options {
    /// A little of each, as in `cargo dev test`.
    #[arg(long)]
    short: bool,
    /// Only these promises, by the names in the table.
    names: Vec<String>,
}

/// Breaks things and prints what came of it; whatever comes of it, nothing is left running. Fails when a promise was not
/// kept.
///
/// # Errors
/// When it cannot be done.
pub async fn run(options: Options) -> Result<ExitCode> {
    let known = faults::scenario_names();
    if let Some(unknown) = options.names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("there is no promise called {unknown}; there are {}", known.join(", "));
    }
    let home = Home::of_faults();
    functions::build(&home, Reload::OnChange).await?;
    let scale = if options.short { Scale::Short } else { Scale::Full };
    Ok(if all(&home, scale, &options.names).await? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the suite on functions that are built, and ends all that it started.
pub(super) async fn all(home: &Home, scale: Scale, names: &[String]) -> Result<bool> {
    let _lock = home.lock_for_tests()?;
    faults::clear(home).await?;
    let outcome = tokio::select! {
        outcome = faults::run(home, scale, names) => outcome,
        signal = interrupted() => Err(anyhow!("ended by {}", signal?)),
    };
    faults::clear(home).await?;
    outcome
}
