//! `cargo dev bench`: measures cold starts and requests, counts what each request does, and
//! compares both with baselines and budgets.
//!
//! Functions run one process at a time behind the local Lambda (`dev/lambda`), with events as API
//! Gateway and SQS send them. Proxies between a function and its dependencies count round trips and
//! can add network delay. Times vary between machines and are only printed. Counts do not vary and
//! have budgets (`dev/bench/budgets.json`).
#![expect(
    missing_docs,
    reason = "items are public for other crates of dev only; comments add what the names do not say"
)]

mod bench_request;
mod budgets;
mod burst;
mod counters;
mod cpu_quota;
mod growth;
mod io_counters;
mod memory;
mod report;
mod requests;
mod round_trip;
mod sample;
mod stream;
mod worker_events;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use futures::{StreamExt as _, TryStreamExt as _};
use harness::{Scale, Suite, TestEnvironment};
use stack::StackFolder;
use stack::functions;
use stack::process::Launch;
use stack::progress::hide_steps;
use tokio::sync::Mutex;

/// Network delay in each direction, where a measurement simulates the network of a cloud.
const NETWORK_DELAY: Duration = Duration::from_millis(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Counts only, with a debug build.
    Counts,
    /// Counts and times, with a release build.
    Full,
}

impl Mode {
    fn of<T>(self, counts: T, full: T) -> T {
        match self {
            Self::Counts => counts,
            Self::Full => full,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Benchmark {
    /// Cold starts, and what each request takes.
    Requests,
    /// How long messages wait when a thousand arrive at once.
    Burst,
    /// Whether requests get slower as the database grows.
    Growth,
    /// Duration and cost of each request at each Lambda memory size.
    Memory,
    /// The time added to an answer as it is streamed, and a thousand streams at once.
    Stream,
}

impl Benchmark {
    /// The name of its environment.
    fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub mode: Mode,
    pub benchmarks: Vec<Benchmark>,
    /// The folder of the functions' binaries. `None` builds them.
    pub programs: Option<PathBuf>,
    /// Whether to write `dev/bench/figures.json`.
    pub figures: bool,
}

impl Plan {
    /// The benchmarks of `cargo dev test`: counts of each request and stream, and query plans of each
    /// statement.
    #[must_use]
    pub fn for_tests() -> Self {
        let benchmarks = vec![Benchmark::Requests, Benchmark::Growth, Benchmark::Stream];
        Self { mode: Mode::Counts, benchmarks, programs: None, figures: false }
    }
}

/// Runs the benchmarks, prints their results, and returns whether all budgets are met. Call
/// [`clear`] afterwards.
pub async fn run(home: &StackFolder, plan: &Plan) -> Result<bool> {
    hide_steps();
    let &Plan { mode, figures, .. } = plan;
    let programs = match &plan.programs {
        Some(programs) => programs.clone(),
        None => build(home, mode).await?,
    };
    let suite = Suite { home: home.clone(), scale: Scale::Full, programs, soak: Duration::ZERO };
    let run = async |benchmark| match benchmark {
        Benchmark::Requests => requests::run(&suite, mode).await,
        Benchmark::Burst => burst::run(&suite, mode).await,
        Benchmark::Growth => growth::run(&suite, mode).await,
        Benchmark::Memory => memory::run(&suite, mode, figures).await,
        Benchmark::Stream => stream::run(&suite, mode).await,
    };
    // Counts do not depend on time, so benchmarks that only count run at once.
    let concurrency = mode.of(plan.benchmarks.len().max(1), 1);
    let outcomes =
        futures::stream::iter(&plan.benchmarks).map(|&benchmark| run(benchmark)).buffered(concurrency);
    outcomes.try_fold(true, async |are_met, is_met| Ok(are_met & is_met)).await
}

/// Stops everything that a run has left behind.
pub async fn clear(home: &StackFolder) -> Result<()> {
    for benchmark in Benchmark::value_variants() {
        stack::stop(&StackFolder::at(&home.dir().join(benchmark.name()))).await?;
    }
    Ok(())
}

/// `variables` are environment variables of the functions.
async fn start(suite: &Suite, benchmark: Benchmark, variables: &[(&str, &str)]) -> Result<TestEnvironment> {
    /// One environment starts at a time, because the first one installs what all need.
    static STARTING: Mutex<()> = Mutex::const_new(());
    let _starting = STARTING.lock().await;
    TestEnvironment::start(suite, &benchmark.name(), variables).await
}

/// Builds the functions and returns the folder of their binaries.
async fn build(home: &StackFolder, mode: Mode) -> Result<PathBuf> {
    let debug = functions::programs(home).await?;
    if mode == Mode::Counts {
        functions::build(home).await?;
        return Ok(debug);
    }
    let args = ["build", "--release", "--bins", "--workspace", "--exclude", "dev"];
    let cargo = Launch::new("cargo").args(args).folder(home.root());
    let line = cargo.line();
    let is_built = cargo.run_in_terminal().await?;
    ensure!(is_built, "the functions do not compile: see the errors of `{line}` above");
    Ok(debug.with_file_name("release"))
}
