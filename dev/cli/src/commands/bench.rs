//! `cargo dev bench`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use bench::{Benchmark, Mode, Plan};
use clap::Args;
use stack::StackFolder;

use super::{exit_code, run_suite};

#[derive(Debug, Args)]
pub struct Options {
    /// Measure only counts, with the functions as tests build them.
    #[arg(long)]
    counts: bool,
    /// Also write the measurements of `memory` that the cost model uses to dev/bench/figures.json.
    #[arg(long)]
    figures: bool,
    /// The folder of programs that are already built.
    #[arg(long, hide = true)]
    programs: Option<PathBuf>,
    /// The subjects to measure [default: requests].
    #[arg(value_enum)]
    benchmarks: Vec<Benchmark>,
}

/// Measures and prints the results. Fails when a budget is exceeded.
pub async fn run(options: Options) -> Result<ExitCode> {
    let Options { counts, figures, programs, benchmarks } = options;
    let mode = if counts { Mode::Counts } else { Mode::Full };
    let benchmarks = if benchmarks.is_empty() { vec![Benchmark::Requests] } else { benchmarks };
    measure(&Plan { mode, benchmarks, programs, figures }).await.map(exit_code)
}

pub(super) async fn measure(plan: &Plan) -> Result<bool> {
    run_suite(&StackFolder::of_suite("bench"), bench::clear, async |folder| bench::run(folder, plan).await)
        .await
}
