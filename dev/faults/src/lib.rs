//! Chaos and attack scenarios: each breaks or attacks a running service and counts the damage.
//!
//! Each scenario has its own environment (`harness::TestEnvironment`). Processes are killed by
//! SIGKILL, connections are silenced by proxies. The results are read from the database and from
//! the calls that the mock servers received.

#![expect(
    missing_docs,
    clippy::must_use_candidate,
    reason = "an internal tool: comments add only what the names do not say"
)]

mod invariants;
mod prelude;
mod reader;
mod run;
mod scenario_result;
mod scenarios;

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::LocalBoxFuture;
use futures::{StreamExt as _, stream};
use harness::{Scale, Suite, previous_release};
use stack::StackFolder;
use stack::functions;
use stack::progress::{hide_steps, print};

use self::scenario_result::ScenarioResult;
use self::scenarios::{CLEAN_LOGS, SCENARIOS, VERSIONS_MIX};

/// How many concurrent scenarios run at once.
const CONCURRENCY: usize = 8;

pub struct Scenario {
    pub name: &'static str,
    pub promise: &'static str,
    /// The typical duration at the short scale, by which scenarios are started: the longest first.
    pub seconds: u32,
    /// Whether it may run beside others at full scale; at the short scale all may.
    pub is_concurrent: bool,
    pub run: for<'a> fn(&'a Suite) -> LocalBoxFuture<'a, Result<ScenarioResult>>,
}

pub fn scenario_names() -> Vec<&'static str> {
    SCENARIOS.iter().map(|scenario| scenario.name).collect()
}

/// Runs the scenarios with these `names` (without names: all) on functions that are already built,
/// the scenario `soak` for that time, prints the table of results, and returns whether every
/// promise held. [`clear`] must follow.
pub async fn run(home: &StackFolder, scale: Scale, soak: Option<Duration>, names: &[String]) -> Result<bool> {
    hide_steps();
    let soak = soak.unwrap_or_else(|| scale.of(Duration::from_mins(5), Duration::from_secs(30)));
    let suite = Suite { home: home.clone(), scale, programs: functions::programs(home).await?, soak };
    let is_chosen = |name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name);
    let chosen = SCENARIOS.iter().filter(|scenario| is_chosen(scenario.name));
    // `clean-logs` searches the logs of all other scenarios.
    let (last, chosen): (Vec<&Scenario>, Vec<&Scenario>) =
        chosen.partition(|scenario| scenario.name == CLEAN_LOGS);
    // At full scale scenarios that measure times run alone. At the short scale time limits are
    // generous.
    let (mut concurrent, alone): (Vec<&Scenario>, Vec<&Scenario>) =
        chosen.into_iter().partition(|scenario| scale == Scale::Short || scenario.is_concurrent);
    concurrent.sort_by_key(|scenario| Reverse(scenario.seconds));
    if is_chosen(VERSIONS_MIX) {
        // Before the scenarios, which a build beside them would slow down. The scenario reports an
        // error.
        drop(previous_release::build(&suite).await);
    }
    let mut results = Vec::new();
    for (scenarios, concurrency) in [(alone, 1), (concurrent, CONCURRENCY), (last, 1)] {
        let runs = stream::iter(scenarios).map(|scenario| run_scenario(&suite, scenario));
        results.extend(runs.buffer_unordered(concurrency).collect::<Vec<_>>().await);
    }
    results.sort_by_key(|(name, _)| SCENARIOS.iter().position(|scenario| scenario.name == *name));
    print(scenario_result::table(&results));
    Ok(results.iter().all(|(_, result)| result.is_held()))
}

/// Runs one scenario and prints its outcome. An error counts as a broken promise.
async fn run_scenario(suite: &Suite, scenario: &'static Scenario) -> (&'static str, ScenarioResult) {
    let start = Instant::now();
    let result = (scenario.run)(suite).await.unwrap_or_else(|error| ScenarioResult::aborted(&error));
    let result = ScenarioResult { promise: scenario.promise, ..result };
    // Stops the processes of the environment and keeps its files for inspection.
    if let Err(error) = stack::stop(&suite.home_of(scenario.name)).await {
        print(format_args!("  {} cannot be stopped: {error:#}\n", scenario.name));
    }
    let outcome = if result.is_held() { "held" } else { "BROKEN" };
    print(format_args!("  {:<22} {outcome:<8} {:>6.1} s\n", scenario.name, start.elapsed().as_secs_f64()));
    for failure in &result.failures {
        print(format_args!("      {failure}\n"));
    }
    (scenario.name, result)
}

pub async fn clear(home: &StackFolder) -> Result<()> {
    for name in scenario_names() {
        stack::stop(&StackFolder::at(&home.dir().join(name))).await?;
    }
    Ok(())
}
