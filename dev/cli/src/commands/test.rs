//! `cargo dev test`

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use harness::Scale;
use stack::functions::Reload;
use stack::home::Home;
use stack::names;
use stack::process::{Launch, run as process, this_program};
use stack::progress::note;
use stack::services::api::{self, Port};
use stack::services::postgres::Durability;
use stack::settings::{CONTRACT, MANY, Settings};
use stack::state::State;
use stack::{Plan, Stack, TEST_DATABASE};

use super::{bench, faults, interrupted};

/// The module that all end-to-end tests are in: their names begin with it.
const E2E: &str = "e2e::";

/// Options of cargo that choose among the workspace's tests; with one of them the end-to-end suite is not meant.
const NARROWING: [&str; 11] = [
    "-p",
    "--package",
    "--exclude",
    "--lib",
    "--bin",
    "--bins",
    "--doc",
    "--test",
    "--tests",
    "--example",
    "--benches",
];

/// What to test.
#[derive(Debug, Args)]
pub struct Options {
    /// Only the workspace's own tests.
    #[arg(long, conflicts_with = "e2e")]
    unit: bool,
    /// Only the end-to-end suite.
    #[arg(long)]
    e2e: bool,
    /// Passed on to `cargo test`: a filter, `-p domain`, `-- --nocapture`. With any of them the fault suite is left out;
    /// choosing a package or target leaves the end-to-end suite out too.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Options {
    /// Whether nothing is left out.
    fn is_all(&self) -> bool {
        !self.unit && !self.e2e && self.args.is_empty()
    }

    fn narrowed(&self) -> Option<&str> {
        let cargo = self.args.iter().take_while(|arg| *arg != "--");
        let name = |arg: &String| arg.split('=').next().unwrap_or_default().to_owned();
        cargo.into_iter().find(|arg| NARROWING.contains(&name(arg).as_str())).map(String::as_str)
    }

    /// The arguments for cargo, and those after `--` for the tests.
    fn split(&self) -> (Vec<String>, Vec<String>) {
        let mut parts = self.args.splitn(2, |arg| arg == "--");
        let mut next = || parts.next().unwrap_or_default().to_vec();
        (next(), next())
    }
}

/// Runs the tests: the workspace's, the end-to-end suite, a little of the fault suite, and what each request takes against its
/// budget. Whatever comes of them, nothing
/// is left running.
///
/// # Errors
/// When they cannot be run. That a test fails is no error but an exit status.
pub async fn run(options: Options) -> Result<ExitCode> {
    let home = Home::of_tests();
    let _lock = home.lock_for_tests()?;
    stack::clear(&home).await?;
    stack::fresh_logs(&home)?;
    let outcome = tokio::select! {
        outcome = all(&home, &options) => outcome,
        signal = interrupted() => Err(anyhow::anyhow!("ended by {}", signal?)),
    };
    stack::clear(&home).await?;
    let mut passed = outcome?;
    if options.is_all() {
        passed &= faults::all(&Home::of_faults(), Scale::Short, &[]).await?;
        passed &= bench::all(&::bench::Plan::for_tests()).await?;
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn all(home: &Home, options: &Options) -> Result<bool> {
    let plan =
        Plan { port: api::choose(Port::Any)?, reload: Reload::Never, durability: Durability::ThrownAway };
    let mut stack = Stack::new(home, plan, settings());
    stack.start_storage().await?;
    let workspace = options.e2e || workspace(home, &stack, options).await?;
    if options.unit {
        return Ok(workspace);
    }
    if let Some(choice) = options.narrowed() {
        note(format!("the end-to-end suite is left out, for {choice} asks for others (--e2e runs it alone)"));
        return Ok(workspace);
    }
    let state = stack.start_functions().await.context("starting the stack for the end-to-end suite")?;
    let end_to_end = end_to_end(home, &state, options).await?;
    Ok(workspace && end_to_end)
}

/// The limits that would hinder a suite which is many users at one address.
fn settings() -> Settings {
    let mut settings = Settings::none();
    for name in MANY {
        settings.set_default(name, "1000000");
    }
    settings.set_default("RETRY_BASE_DELAY_MS", "200");
    settings
}

async fn workspace(home: &Home, stack: &Stack, options: &Options) -> Result<bool> {
    let postgres = stack.postgres().context("the tests' PostgreSQL is not there")?;
    let setting = |name| stack.settings().get(name).with_context(|| format!("the tests have no {name}"));
    let redis = setting("REDIS_URL")?;
    let (cargo_args, test_args) = options.split();
    let scope: &[&str] = if options.narrowed().is_some() { &[] } else { &["--workspace"] };
    let launch = cargo(home, ["test", "--no-fail-fast"])
        .args(scope)
        .args(cargo_args)
        .args(["--", "--skip", E2E])
        .args(test_args)
        .env([("TEST_DATABASE_URL", postgres.url(TEST_DATABASE)), ("TEST_REDIS_URL", format!("{redis}/1"))])
        .env([
            ("TEST_AWS_ENDPOINT_URL", setting("AWS_ENDPOINT_URL")?),
            ("TEST_TABLE_NAME", setting("TABLE_NAME")?),
        ])
        .env([
            ("AWS_ACCESS_KEY_ID", setting("AWS_ACCESS_KEY_ID")?),
            ("AWS_SECRET_ACCESS_KEY", setting("AWS_SECRET_ACCESS_KEY")?),
        ]);
    process::shown(&launch).await
}

async fn end_to_end(home: &Home, state: &State, options: &Options) -> Result<bool> {
    let gemini = state.service(names::GEMINI).context("the stand-in for Gemini is not there")?;
    let stripe = state.service(names::STRIPE).context("the stand-in for Stripe is not there")?;
    let (cargo_args, test_args) = options.split();
    let launch = cargo(home, ["test", "--workspace", "--test", "e2e"])
        .args(cargo_args)
        .args(["--"])
        .args(test_args)
        .env([("E2E_BASE_URL", state.base_url.as_str()), ("E2E_GEMINI_URL", gemini.address.as_str())])
        .env([("E2E_STRIPE_URL", stripe.address.as_str())])
        .env([
            ("E2E_HOME", home.dir().display().to_string()),
            ("E2E_PROGRAM", this_program()?.display().to_string()),
        ]);
    process::shown(&launch).await
}

/// A cargo that passes nothing of the developer's settings on.
fn cargo<const N: usize>(home: &Home, args: [&str; N]) -> Launch {
    Launch::new("cargo").args(args).without(CONTRACT).folder(home.root())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(args: &[&str]) -> Options {
        Options { unit: false, e2e: false, args: args.iter().map(|&arg| arg.to_owned()).collect() }
    }

    #[test]
    fn choosing_a_package_is_noticed_and_a_filter_is_not_one() {
        assert_eq!(options(&["-p", "domain"]).narrowed(), Some("-p"));
        assert_eq!(options(&["--package=domain"]).narrowed(), Some("--package=domain"));
        assert_eq!(options(&["quota"]).narrowed(), None);
        assert!(options(&[]).is_all() && !options(&["quota"]).is_all());
        assert_eq!(options(&["quota", "--", "--test-threads=1", "-p"]).narrowed(), None);
    }

    #[test]
    fn arguments_go_to_cargo_or_to_the_tests() {
        let (cargo, test) = options(&["quota", "--", "--nocapture"]).split();
        assert_eq!((cargo, test), (vec!["quota".to_owned()], vec!["--nocapture".to_owned()]));
        assert_eq!(options(&[]).split(), (vec![], vec![]));
    }
}
