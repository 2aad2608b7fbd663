//! What each request may take, of what can be counted: `dev/bench/budgets.json`. A change that takes more has to say so there.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result};
use harness::guest::Counts;
use serde::Deserialize;
use stack::StackFolder;

use super::Depth;
use super::report::Report;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Budgets {
    /// By the name of the request.
    routes: BTreeMap<String, Budget>,
    /// The largest that each program may be, in bytes, as it is deployed.
    program_bytes: BTreeMap<String, u64>,
}

/// What a request may take: statements, and round trips.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    statements: f64,
    postgres: f64,
    redis: f64,
    aws: f64,
    stripe: f64,
    gemini: f64,
    /// Trips that it may wait for, one after the other.
    hops: f64,
    /// Instructions, in thousands, on functions as they are deployed; where valgrind is not installed nobody looks.
    #[serde(default)]
    thousand_instructions: Option<f64>,
}

/// How far a count may be over: one of many requests that had to look a session up again is none of its kind.
const NOW_AND_THEN: f64 = 0.25;

/// How far the trips that are waited for may seem more than they are: they are read off a clock.
const BLUR: f64 = 0.5;

/// How far instructions may be over, as a part of them: they differ by less from one run to the next.
const DRIFT: f64 = 0.02;

/// Compares the figures with the budgets, and answers what is over.
///
/// # Errors
/// When the budgets cannot be read, or a request has none.
pub(super) fn check(home: &StackFolder, report: &Report, depth: Depth) -> Result<Vec<String>> {
    let path = home.root().join("dev/bench/budgets.json");
    let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let budgets: Budgets =
        serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))?;
    let mut over = Vec::new();
    for route in &report.routes {
        let budget =
            budgets.routes.get(route.name).with_context(|| format!("{} has no budget", route.name))?;
        let Counts { statements, postgres, redis, aws, stripe, gemini } = route.counts;
        for (what, count, most) in [
            ("statements", statements, budget.statements),
            ("trips to Postgres", postgres, budget.postgres),
            ("trips to Redis", redis, budget.redis),
            ("trips to AWS", aws, budget.aws),
            ("trips to Stripe", stripe, budget.stripe),
            ("trips to Gemini", gemini, budget.gemini),
        ] {
            if count > most + NOW_AND_THEN {
                over.push(format!("{}: {count} {what}, not {most}", route.name));
            }
        }
        let hops = report.floors.as_ref().and_then(|floors| route.hops(floors));
        if let Some(hops) = hops.filter(|hops| *hops > budget.hops + BLUR) {
            over.push(format!("{}: {hops:.1} trips one after the other, not {}", route.name, budget.hops));
        }
        if let Some((count, most)) = too_many(route.instructions, budget.thousand_instructions) {
            over.push(format!("{}: {count:.0} thousand instructions, not {most:.0}", route.name));
        }
    }
    if depth == Depth::All {
        for (name, size) in &report.sizes {
            let most = budgets.program_bytes.get(*name).with_context(|| format!("{name} has no budget"))?;
            if size > most {
                over.push(format!("{name}: a program of {size} bytes, not {most}"));
            }
        }
    }
    Ok(over)
}

/// The instructions counted, and the most there may be, both in thousands, where there are both and too many were counted.
#[expect(clippy::cast_precision_loss, reason = "there are not that many")]
fn too_many(counted: Option<u64>, most: Option<f64>) -> Option<(f64, f64)> {
    let (count, most) = counted.map(|count| count as f64 / 1e3).zip(most)?;
    (count > most * (1.0 + DRIFT)).then_some((count, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_compared_where_they_were_counted_and_have_a_budget() {
        assert_eq!(too_many(Some(509_000), Some(500.0)), None);
        assert_eq!(too_many(Some(511_000), Some(500.0)), Some((511.0, 500.0)));
        assert_eq!(too_many(None, Some(500.0)), None);
        assert_eq!(too_many(Some(511_000), None), None);
    }
}
