//! `cargo dev test`

pub mod programs;

use std::process::ExitCode;
use std::time::Instant;

use ::bench::Plan;
use anyhow::{Context as _, Result};
use clap::Args;
use harness::Scale;
use stack::process::this_program;
use stack::progress::{info, print};
use stack::services::{names, postgres};
use stack::settings::{LIMITS_RAISED_IN_TESTS, Settings};
use stack::state::State;
use stack::{Durability, Stack, StackFolder, TEST_DATABASE, functions, ports};

use self::programs::{Counts, TestProgram};
use super::{bench, exit_code, faults, run_suite};

/// The target of the end-to-end tests, which need a whole stack.
const E2E: &str = "e2e";

#[derive(Debug, Args)]
pub struct Options {
    /// Run only the unit tests of the workspace.
    #[arg(long, conflicts_with = "e2e")]
    unit: bool,
    /// Run only the end-to-end tests.
    #[arg(long)]
    e2e: bool,
    /// Run only the unit tests of this package.
    #[arg(short, long = "package", conflicts_with = "e2e")]
    packages: Vec<String>,
    /// Run only tests whose name contains this text. Leaves out `faults` and `bench`.
    filters: Vec<String>,
    /// Pass these arguments to the test programs, such as --nocapture.
    #[arg(last = true)]
    test_args: Vec<String>,
}

impl Options {
    fn has_unit(&self) -> bool {
        !self.e2e
    }

    fn has_e2e(&self) -> bool {
        !self.unit && self.packages.is_empty()
    }

    fn has_everything(&self) -> bool {
        self.has_unit() && self.has_e2e() && self.filters.is_empty() && self.test_args.is_empty()
    }

    async fn run(&self, programs: &[TestProgram], env: &[(&'static str, String)]) -> Result<Counts> {
        let args = [self.filters.clone(), self.test_args.clone()].concat();
        let show_output = args.iter().any(|arg| arg == "--nocapture" || arg == "--show-output");
        programs::run(programs, &args, env, show_output).await
    }
}

/// Runs the unit tests, the end-to-end tests, the counts of the benchmarks, and a short run of the
/// fault suite, and prints the duration of each. No process is left running, whatever the outcome.
pub async fn run(options: Options) -> Result<ExitCode> {
    let folder = StackFolder::of_suite("test");
    let Some(programs) = phase("build", programs::build(&folder, &options.packages)).await? else {
        return Ok(ExitCode::FAILURE);
    };
    let suite = async |folder: &StackFolder| stack_tests(folder, &options, programs).await;
    let stack_tests = run_suite(&folder, stack::stop, suite);
    if !options.has_everything() {
        let tests = stack_tests.await?;
        print(tests);
        return Ok(exit_code(tests.failed == 0));
    }
    // Counts do not depend on the load of the machine. The end-to-end tests wait for what a browser
    // shows, and the fault suite measures times, so each of them runs alone.
    let plan = Plan { programs: Some(functions::programs(&folder).await?), ..Plan::for_tests() };
    let stack_tests = stack_tests.await;
    let counts = phase("counts", bench::measure(&plan)).await;
    let faults = phase("fault suite", faults::run_scenarios(Scale::Short, None, &[])).await;
    let tests = stack_tests?;
    let passed = counts? & faults? && tests.failed == 0;
    print(if passed { "\nAll tests passed.\n" } else { "\nTESTS FAILED, see above.\n" });
    print(tests);
    Ok(exit_code(passed))
}

async fn stack_tests(folder: &StackFolder, options: &Options, programs: Vec<TestProgram>) -> Result<Counts> {
    stack::remove_logs(folder)?;
    let mut stack = Stack::new(folder, Durability::Ephemeral, settings());
    stack.start_storage().await?;
    let unit_env = unit_env(folder, &stack)?;
    let (e2e, unit): (Vec<_>, Vec<_>) = programs.into_iter().partition(|program| program.target == E2E);
    let is_chosen =
        |program: &TestProgram| options.packages.is_empty() || options.packages.contains(&program.package);
    let unit: Vec<_> = unit.into_iter().filter(is_chosen).collect();
    let unit = phase("unit tests", options.run(&unit, &unit_env));
    if !options.has_e2e() {
        if !options.unit {
            info("-p leaves out the end-to-end tests; --e2e runs them alone");
        }
        return unit.await;
    }
    let state = stack.start_functions(ports::free()?, false).await?;
    let e2e_env = e2e_env(folder, &state)?;
    let e2e = phase("end-to-end tests", options.run(&e2e, &e2e_env));
    if !options.has_unit() {
        return e2e.await;
    }
    Ok(unit.await? + e2e.await?)
}

async fn phase<T>(name: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let begun = Instant::now();
    let outcome = work.await;
    print(format_args!("== {name:<74} {:>6.1} s\n", begun.elapsed().as_secs_f64()));
    outcome
}

/// Settings without the limits that many users at one address would reach.
fn settings() -> Settings {
    let mut settings = Settings::none();
    for name in LIMITS_RAISED_IN_TESTS {
        settings.set_default(name, "1000000");
    }
    settings.set_default("RETRY_BASE_DELAY_MS", "200");
    settings
}

/// The variables of the unit tests. `testkit` reads them.
fn unit_env(folder: &StackFolder, stack: &Stack) -> Result<Vec<(&'static str, String)>> {
    let postgres = stack.state().service(names::POSTGRES).context("PostgreSQL was not started")?;
    let setting =
        |name| stack.settings().get(name).map(str::to_owned).with_context(|| format!("{name} is not set"));
    Ok(vec![
        ("TEST_DATABASE_URL", postgres::url(folder, &postgres.address, TEST_DATABASE)?),
        ("TEST_REDIS_URL", format!("{}/1", setting("REDIS_URL")?)),
        ("TEST_AWS_ENDPOINT_URL", setting("AWS_ENDPOINT_URL")?),
        ("TEST_TABLE_NAME", setting("TABLE_NAME")?),
        ("AWS_ACCESS_KEY_ID", setting("AWS_ACCESS_KEY_ID")?),
        ("AWS_SECRET_ACCESS_KEY", setting("AWS_SECRET_ACCESS_KEY")?),
    ])
}

/// The variables of the end-to-end tests. `dev/tests/e2e/stack.rs` reads them.
fn e2e_env(folder: &StackFolder, state: &State) -> Result<Vec<(&'static str, String)>> {
    let address = |name| {
        let service = state.service(name).with_context(|| format!("{name} was not started"));
        service.map(|service| service.address.clone())
    };
    Ok(vec![
        ("E2E_BASE_URL", state.base_url.clone()),
        ("E2E_GEMINI_URL", address(names::GEMINI)?),
        ("E2E_STRIPE_URL", address(names::STRIPE)?),
        ("E2E_HOME", folder.dir().display().to_string()),
        ("E2E_PROGRAM", this_program()?.display().to_string()),
    ])
}
