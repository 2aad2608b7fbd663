//! The rehearsal of a deployment: deploys the unmodified `template.yaml` to the AWS emulator, uses
//! the service as a client does, and then runs the tasks of an operator and the failures of
//! deployments. Each case says what must be seen. Later cases use the deployment that earlier ones
//! leave behind.

#![expect(
    missing_docs,
    clippy::must_use_candidate,
    reason = "an internal tool: comments add only what the names do not say"
)]

mod artifacts;
mod cases;
mod deployed_state;
mod rehearsal;
mod report;
mod sam;

use std::time::Instant;

use anyhow::{Result, bail};
use futures::future::LocalBoxFuture;
use stack::StackFolder;
use stack::progress::print;

pub use self::artifacts::{Build, build};
use self::cases::CASES;
use self::rehearsal::Rehearsal;
use self::report::Outcome;

struct Case {
    name: &'static str,
    /// What must be seen.
    promise: &'static str,
    run: for<'a> fn(&'a Rehearsal) -> LocalBoxFuture<'a, Result<String>>,
}

pub fn case_names() -> Vec<&'static str> {
    CASES.iter().map(|case| case.name).collect()
}

/// Runs the cases with these `names` (without names: all), each on the deployment that the ones before
/// left, prints the table of results, and returns whether every case passed. [`stack::stop`] must follow.
pub async fn rehearse(folder: &StackFolder, build: Build, names: &[String]) -> Result<bool> {
    let known = case_names();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("there is no case called {unknown}; choose from {}", known.join(", "));
    }
    let rehearsal = Rehearsal::start(folder, build).await?;
    let mut outcomes = Vec::new();
    let is_chosen = |case: &Case| names.is_empty() || names.iter().any(|name| name == case.name);
    for case in &CASES {
        // Every case but the first needs a deployment.
        if case.name != cases::DEPLOYMENT && !is_chosen(case) {
            continue;
        }
        let begun = Instant::now();
        let seen = (case.run)(&rehearsal).await;
        let outcome = Outcome { name: case.name, promise: case.promise, took: begun.elapsed(), seen };
        print(&outcome);
        let is_fatal = case.name == cases::DEPLOYMENT && outcome.seen.is_err();
        outcomes.push(outcome);
        if is_fatal {
            break;
        }
    }
    print(report::table(&outcomes));
    Ok(outcomes.iter().all(|outcome| outcome.seen.is_ok()))
}
