//! What a smoke test found: each step with its time, and the outcome.

use std::fmt;
use std::time::Duration;

use super::step::Step;

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    /// The service refuses on purpose, for this reason. The steps after it are left out.
    Skipped(String),
    /// Why it failed.
    Failed(String),
}

/// The steps that ran.
#[derive(Debug, Default)]
pub struct Report {
    steps: Vec<(Step, Duration, Outcome)>,
}

impl Report {
    pub(super) fn add(&mut self, step: Step, elapsed: Duration, outcome: Outcome) {
        self.steps.push((step, elapsed, outcome));
    }

    /// What went wrong, by step; `None` if nothing did.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        let failures = self.steps.iter().filter_map(|(step, _, outcome)| match outcome {
            Outcome::Failed(cause) => Some(format!("step {:?}: {cause}", step.name())),
            Outcome::Passed | Outcome::Skipped(_) => None,
        });
        let failures: Vec<String> = failures.collect();
        (!failures.is_empty()).then(|| format!("the smoke test failed at {}", failures.join("; and at ")))
    }

    /// One line: that the test passed, and what it left out.
    #[must_use]
    pub fn summary(&self) -> String {
        let total: Duration = self.steps.iter().map(|(_, elapsed, _)| *elapsed).sum();
        let skipped = self.steps.iter().find_map(|(step, _, outcome)| match outcome {
            Outcome::Skipped(reason) => Some(format!("; from {:?} on it was skipped: {reason}", step.name())),
            Outcome::Passed | Outcome::Failed(_) => None,
        });
        format!("the smoke test passed in {:.1} s{}", total.as_secs_f64(), skipped.unwrap_or_default())
    }
}

/// A table with a line for each step.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (step, elapsed, outcome) in &self.steps {
            let outcome = match outcome {
                Outcome::Passed => "ok".to_owned(),
                Outcome::Skipped(reason) => format!("skipped: {reason}"),
                Outcome::Failed(cause) => format!("FAILED: {cause}"),
            };
            writeln!(f, "{:<16}{:>8.3} s  {outcome}", step.name(), elapsed.as_secs_f64())?;
        }
        Ok(())
    }
}
