//! The result of a scenario, and the table of all results.

use std::fmt::Write as _;
use std::time::Duration;

#[derive(Debug, Default)]
pub struct ScenarioResult {
    promise: &'static str,
    /// What the scenario did, with its counts.
    pub actions: String,
    /// Messages that were accepted and are not completed.
    pub lost: usize,
    /// Answers beyond one per message.
    pub duplicated: usize,
    /// Calls to Gemini beyond one per message.
    pub extra_calls: usize,
    /// Time from the end of the fault until everything worked again.
    pub recovery: Option<Duration>,
    pub observations: Vec<String>,
    failures: Vec<String>,
}

impl ScenarioResult {
    pub fn new(actions: impl Into<String>) -> Self {
        Self { actions: actions.into(), ..Self::default() }
    }

    pub fn aborted(error: &anyhow::Error) -> Self {
        Self { failures: vec![format!("aborted: {error:#}")], ..Self::new("aborted") }
    }

    pub fn of(mut self, promise: &'static str) -> Self {
        self.promise = promise;
        self
    }

    pub fn check(&mut self, is_met: bool, describe: impl FnOnce() -> String) {
        if !is_met {
            self.failures.push(describe());
        }
    }

    pub fn observe(&mut self, observation: impl Into<String>) {
        self.observations.push(observation.into());
    }

    pub fn count(&mut self, lost: usize, duplicated: usize) {
        self.lost += lost;
        self.duplicated += duplicated;
    }

    pub fn is_held(&self) -> bool {
        self.failures.is_empty() && self.lost == 0 && self.duplicated == 0
    }

    pub fn failures(&self) -> &[String] {
        &self.failures
    }
}

pub fn table(results: &[(&str, ScenarioResult)]) -> String {
    let mut table =
        "\n| promise | actions and observations | lost | duplicated | extra calls | recovery | held |\n\
        |---|---|---|---|---|---|---|\n"
            .to_owned();
    for (name, result) in results {
        let recovery =
            result.recovery.map_or("–".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()));
        let details = std::iter::once(&result.actions).chain(&result.observations).map(String::as_str);
        let _ = writeln!(
            table,
            "| {} (`{name}`) | {} | {} | {} | {} | {recovery} | {} |",
            result.promise,
            details.collect::<Vec<_>>().join("; "),
            result.lost,
            result.duplicated,
            result.extra_calls,
            if result.is_held() { "yes" } else { "**no**" },
        );
    }
    let held = results.iter().filter(|(_, result)| result.is_held()).count();
    let _ = writeln!(table, "\n{held} of {} promises held", results.len());
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_loss_one_duplicate_or_one_failure_breaks_a_promise() {
        let breaks: [fn(&mut ScenarioResult); 3] =
            [|r| r.count(1, 0), |r| r.count(0, 1), |r| r.check(false, || "observed".to_owned())];
        for break_promise in breaks {
            let mut result = ScenarioResult::new("x");
            assert!(result.is_held());
            break_promise(&mut result);
            assert!(!result.is_held());
        }
        assert!(!ScenarioResult::aborted(&anyhow::anyhow!("gone")).is_held());
    }

    #[test]
    fn the_table_marks_broken_promises() {
        let held = ScenarioResult {
            recovery: Some(Duration::from_millis(1_250)),
            ..ScenarioResult::new("10 kills").of("it holds")
        };
        let broken = ScenarioResult::aborted(&anyhow::anyhow!("gone")).of("it does not");
        let table = table(&[("a", held), ("b", broken)]);
        assert!(table.contains("| it holds (`a`) | 10 kills | 0 | 0 | 0 | 1.2 s | yes |"), "{table}");
        assert!(table.contains("**no**") && table.contains("1 of 2 promises held"), "{table}");
    }
}
