//! Compares measured counts with their budgets in `dev/bench/budgets.json`. A change that needs
//! more must raise the budget.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use cost::json_file;
use serde::Deserialize;

use crate::counters::Counters;

/// The names of derived counts.
pub(crate) const SEQUENTIAL_ROUND_TRIPS: &str = "sequential_round_trips";
pub(crate) const THOUSAND_INSTRUCTIONS: &str = "thousand_instructions";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Budgets {
    requests: BTreeMap<String, Counters>,
    /// Sizes of release binaries.
    program_bytes: BTreeMap<String, u64>,
}

impl Budgets {
    pub(crate) fn read(root: &Path) -> Result<Self> {
        json_file::read(&root.join("dev/bench/budgets.json"))
    }

    /// Describes the counts that exceed their budgets. Only instructions may have no budget.
    pub(crate) fn check_request(&self, name: &str, counts: &Counters) -> Result<Vec<String>> {
        let budget = self.requests.get(name).with_context(|| format!("{name} has no budget"))?;
        let mut exceeded = Vec::new();
        for (what, count) in &counts.0 {
            let max =
                budget.0.get(what).copied().or((what == THOUSAND_INSTRUCTIONS).then_some(f64::INFINITY));
            let max = max.with_context(|| format!("{name} has no budget of {what}"))?;
            let tolerance = match what.as_str() {
                // Derived from times.
                SEQUENTIAL_ROUND_TRIPS => 0.5,
                // Runs of the same binary differ by less.
                THOUSAND_INSTRUCTIONS => 0.02 * max,
                // An average: a few of many requests may load a session again.
                _ => 0.25,
            };
            if *count > max + tolerance {
                exceeded.push(format!("{name}: {count} {what}, the budget is {max}"));
            }
        }
        Ok(exceeded)
    }

    pub(crate) fn check_sizes(&self, sizes: &BTreeMap<String, u64>) -> Result<Vec<String>> {
        let check = |(name, size): (&String, &u64)| {
            let max = self.program_bytes.get(name).with_context(|| format!("{name} has no budget"));
            let exceeded = |max| format!("{name}: a binary of {size} bytes, the budget is {max}");
            max.map(|max| (size > max).then(|| exceeded(max))).transpose()
        };
        sizes.iter().filter_map(check).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_over_budget_are_described() {
        let budget = [("statements", 1.0), (SEQUENTIAL_ROUND_TRIPS, 3.0), (THOUSAND_INSTRUCTIONS, 500.0)];
        let requests = BTreeMap::from([("GET".to_owned(), Counters::from(budget))]);
        let budgets = Budgets { requests, program_bytes: BTreeMap::new() };
        let check = |what, count| budgets.check_request("GET", &Counters::from([(what, count)]));
        for (what, within, over) in [
            ("statements", 1.25, 1.3),
            (SEQUENTIAL_ROUND_TRIPS, 3.5, 3.6),
            (THOUSAND_INSTRUCTIONS, 510.0, 511.0),
        ] {
            assert!(check(what, within).unwrap().is_empty(), "{what}");
            assert_eq!(check(what, over).unwrap().len(), 1, "{what}");
        }
        assert_eq!(check("statements", 1.3).unwrap(), ["GET: 1.3 statements, the budget is 1"]);
        assert!(check("redis", 0.0).is_err(), "no budget");
    }
}
