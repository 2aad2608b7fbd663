//! `cargo dev bench`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use bench::{Benchmark, Mode, Plan};
use clap::Args;
use stack::home::Home;

use super::interrupted;

/// What to measure.
#[derive(Debug, Args)]
pub struct Options {
    /// Only what can be counted, on functions as tests build them.
    #[arg(long)]
    counts: bool,
    /// Write what the bill is worked out from (`memory` measures it) into dev/bench/figures.json too.
    #[arg(long)]
    figures: bool,
    /// The folder of programs that are built already.
    #[arg(long, hide = true)]
    programs: Option<PathBuf>,
    /// What is measured; all requests, if nothing is said.
    #[arg(value_enum)]
    benchmarks: Vec<Benchmark>,
}

/// Measures and prints what came of it; whatever comes of it, nothing is left running. Fails when a budget is not kept.
///
/// # Errors
/// When it cannot be done.
pub async fn run(options: Options) -> Result<ExitCode> {
    let Options { counts, figures, programs, benchmarks } = options;
    let mode = if counts { Mode::Counts } else { Mode::Full };
    let benchmarks = if benchmarks.is_empty() { vec![Benchmark::Requests] } else { benchmarks };
    Ok(if all(&Plan { mode, benchmarks, programs, figures }).await? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Measures, and ends all that it started.
pub(super) async fn all(plan: &Plan) -> Result<bool> {
    let home = Home::of_bench();
    let _lock = home.lock_for_tests()?;
    bench::clear(&home).await?;
    let outcome = tokio::select! {
        outcome = bench::run(&home, plan) => outcome,
        signal = interrupted() => Err(anyhow!("ended by {}", signal?)),
    };
    bench::clear(&home).await?;
    outcome
}
