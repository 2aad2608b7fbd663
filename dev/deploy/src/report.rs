//! What a case has shown.

use std::fmt::{self, Display, Formatter, Write as _};
use std::time::Duration;

use anyhow::{Error, Result};

#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) promise: &'static str,
    pub(crate) took: Duration,
    /// What was seen, or what was not as promised.
    pub(crate) seen: Result<String>,
}

impl Outcome {
    fn text(&self) -> String {
        let text = self.seen.as_ref().map_or_else(chain, Clone::clone);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn chain(error: &Error) -> String {
    format!("{error:#}")
}

/// A line of progress.
impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let passed = if self.seen.is_ok() { "passed" } else { "FAILED" };
        writeln!(f, "  {:<22} {passed}  {:>6.1} s", self.name, self.took.as_secs_f64())?;
        writeln!(f, "      {}", self.text())
    }
}

pub(crate) fn table(outcomes: &[Outcome]) -> String {
    let mut table = "\n| case | must be seen | seen | seconds | passed |\n|---|---|---|---|---|\n".to_owned();
    for outcome in outcomes {
        let Outcome { name, promise, took, seen } = outcome;
        let passed = if seen.is_ok() { "yes" } else { "**no**" };
        let seen = outcome.text().replace('|', "\\|");
        let _ = writeln!(table, "| `{name}` | {promise} | {seen} | {:.1} | {passed} |", took.as_secs_f64());
    }
    let passed = outcomes.iter().filter(|outcome| outcome.seen.is_ok()).count();
    let _ = writeln!(table, "\n{passed} of {} cases passed", outcomes.len());
    table
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_failed_case_is_counted_and_says_why() {
        let outcome =
            |seen| Outcome { name: "case", promise: "it works", took: Duration::from_secs(2), seen };
        let failed = anyhow!("a | b").context("the gate was open");
        let table = table(&[outcome(Ok("1 of 1".to_owned())), outcome(Err(failed))]);
        assert!(table.contains("| `case` | it works | 1 of 1 | 2.0 | yes |"), "{table}");
        assert!(table.contains("the gate was open: a \\| b | 2.0 | **no** |"), "{table}");
        assert!(table.ends_with("1 of 2 cases passed\n"), "{table}");
    }
}
