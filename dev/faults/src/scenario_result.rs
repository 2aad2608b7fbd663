//! The result of a scenario, and the table of all results.

use std::fmt::Write as _;
use std::slice;
use std::time::Duration;

#[derive(Debug, Default)]
pub struct ScenarioResult {
    pub promise: &'static str,
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
    pub failures: Vec<String>,
}

impl ScenarioResult {
    pub fn aborted(error: &anyhow::Error) -> Self {
        let failures = vec![format!("aborted: {error:#}")];
        Self { actions: "aborted".to_owned(), failures, ..Self::default() }
    }

    pub fn is_held(&self) -> bool {
        self.failures.is_empty() && self.lost == 0 && self.duplicated == 0
    }
}

pub fn table(results: &[(&str, ScenarioResult)]) -> String {
    let mut table =
        "\n| promise | actions and observations | lost | duplicated | extra calls | recovery | held |\n\
        |---|---|---|---|---|---|---|\n"
            .to_owned();
    for (name, result) in results {
        let ScenarioResult { promise, lost, duplicated, extra_calls, .. } = result;
        let recovery =
            result.recovery.map_or("–".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()));
        let held = if result.is_held() { "yes" } else { "**no**" };
        let details = [slice::from_ref(&result.actions), &result.observations].concat().join("; ");
        let _ = writeln!(
            table,
            "| {promise} (`{name}`) | {details} | {lost} | {duplicated} | {extra_calls} | {recovery} | {held} |"
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
        let result = ScenarioResult::default;
        assert!(result().is_held());
        let broken = [
            ScenarioResult { lost: 1, ..result() },
            ScenarioResult { duplicated: 1, ..result() },
            ScenarioResult { failures: vec!["observed".to_owned()], ..result() },
            ScenarioResult::aborted(&anyhow::anyhow!("gone")),
        ];
        assert!(broken.iter().all(|result| !result.is_held()));
    }

    #[test]
    fn the_table_marks_broken_promises() {
        let held = ScenarioResult {
            promise: "it holds",
            actions: "10 kills".to_owned(),
            recovery: Some(Duration::from_millis(1_250)),
            ..ScenarioResult::default()
        };
        let table = table(&[("a", held), ("b", ScenarioResult::aborted(&anyhow::anyhow!("gone")))]);
        assert!(table.contains("| it holds (`a`) | 10 kills | 0 | 0 | 0 | 1.2 s | yes |"), "{table}");
        assert!(table.contains("**no**") && table.contains("1 of 2 promises held"), "{table}");
    }
}
