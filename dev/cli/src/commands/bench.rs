//! `cargo dev bench`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use bench::{Depth, Plan, Subject};
use clap::Args;
use stack::StackFolder;

use super::{exit_code, run_suite};

/// What to measure.
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
    subjects: Vec<Subject>,
}

/// Measures and prints the results. Fails when a budget is exceeded.
pub async fn run(options: Options) -> Result<ExitCode> {
    let Options { counts, figures, programs, subjects } = options;
    let depth = if counts { Depth::Counts } else { Depth::All };
    let subjects = if subjects.is_empty() { vec![Subject::Requests] } else { subjects };
    measure(&Plan { depth, subjects, programs, figures }).await.map(exit_code)
}

/// Measures, and returns whether every budget is met.
pub(super) async fn measure(plan: &Plan) -> Result<bool> {
    run_suite(&StackFolder::of_bench(), bench::clear, async |folder| bench::run(folder, plan).await).await
}
