//! The fault suite: a running service is broken on purpose, and what came of it is counted.
//!
//! Each scenario has a world of its own: PostgreSQL, Redis, the AWS emulator with the queues of `template.yaml`, a Gemini
//! stand-in, and the functions' programs behind a Lambda of our own. What is killed is a process, by SIGKILL; what falls
//! silent is a socket. What came of it is read off the database, and off what Gemini was asked.

mod figure;
mod scenarios;
mod verify;

use std::time::Instant;

use anyhow::Result;
use futures::future::LocalBoxFuture;
use futures::{StreamExt as _, stream};
use harness::{Scale, Suite};
use stack::StackFolder;
use stack::functions;
use stack::progress::{hide_steps, print};

use self::figure::Figure;
use self::scenarios::{LAST, SCENARIOS};

/// A promise, and how it is put to the test.
pub(crate) struct Scenario {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// The promise.
    pub(crate) promise: &'static str,
    /// Whether it spends its time waiting, so that others can run beside it.
    pub(crate) waits: bool,
    /// Breaks something and counts.
    pub(crate) run: for<'a> fn(&'a Suite) -> LocalBoxFuture<'a, Result<Figure>>,
}

/// The names of all scenarios.
#[must_use]
pub fn names() -> Vec<&'static str> {
    SCENARIOS.iter().map(|scenario| scenario.name).collect()
}

/// Runs the scenarios with these `names` (all, where there are none) on functions that are built, and prints the table.
/// Answers whether every promise was kept. To be followed by [`clear`], whatever comes of it.
///
/// # Errors
/// When the functions' programs cannot be found.
pub async fn run(home: &StackFolder, scale: Scale, names: &[String]) -> Result<bool> {
    hide_steps();
    let suite = Suite { home: home.clone(), scale, programs: functions::programs(home).await? };
    let chosen: Vec<&Scenario> =
        SCENARIOS.iter().filter(|s| names.is_empty() || names.iter().any(|name| name == s.name)).collect();
    // Those that look at a watch have the machine to themselves; those that wait, wait together.
    let (last, chosen): (Vec<&Scenario>, Vec<&Scenario>) =
        chosen.into_iter().partition(|scenario| scenario.name == LAST);
    let (waiting, busy): (Vec<&Scenario>, Vec<&Scenario>) =
        chosen.into_iter().partition(|scenario| scenario.waits);
    let mut figures = Vec::new();
    for (scenarios, at_once) in [(busy, 1), (waiting, 8), (last, 1)] {
        let runs = stream::iter(scenarios).map(|scenario| try_out(&suite, scenario));
        figures.extend(runs.buffer_unordered(at_once).collect::<Vec<_>>().await);
    }
    figures.sort_by_key(|(name, _)| SCENARIOS.iter().position(|scenario| scenario.name == *name));
    print(figure::table(&figures));
    Ok(figures.iter().all(|(_, figure)| figure.is_met()))
}

/// Runs one scenario, saying how it went. An error counts as a promise broken.
async fn try_out(suite: &Suite, scenario: &'static Scenario) -> (&'static str, Figure) {
    let begun = Instant::now();
    let figure = (scenario.run)(suite).await.unwrap_or_else(|error| Figure::broken(&error));
    let figure = figure.of(scenario.promise);
    // Its world is kept for a look where something is wrong with it, but nothing of it runs on.
    if let Err(error) = stack::stop(&suite.home_of(scenario.name)).await {
        print(format_args!("  {} cannot be ended: {error:#}\n", scenario.name));
    }
    let verdict = if figure.is_met() { "held" } else { "BROKEN" };
    print(format_args!("  {:<22} {verdict:<8} {:>6.1} s\n", scenario.name, begun.elapsed().as_secs_f64()));
    for line in figure.missed() {
        print(format_args!("      {line}\n"));
    }
    (scenario.name, figure)
}

/// Ends whatever a run has left.
///
/// # Errors
/// When that cannot be found out.
pub async fn clear(home: &StackFolder) -> Result<()> {
    for name in names() {
        stack::stop(&StackFolder::at(&home.dir().join(name))).await?;
    }
    Ok(())
}
