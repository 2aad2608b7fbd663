//! What came of a scenario, and the table of all.

use std::fmt::Write as _;
use std::time::Duration;

/// What came of a scenario.
#[derive(Debug, Default)]
pub(crate) struct Figure {
    promise: &'static str,
    /// What was done, with its counts.
    pub(crate) tried: String,
    /// Messages that were accepted and came to no end, or to a wrong one.
    pub(crate) lost: usize,
    /// Answers beyond one a message.
    pub(crate) duplicated: usize,
    /// Calls to Gemini beyond those needed.
    pub(crate) extra_calls: usize,
    /// From the fault's end until all was well.
    pub(crate) recovery: Option<Duration>,
    /// What else was seen.
    pub(crate) seen: Vec<String>,
    missed: Vec<String>,
}

impl Figure {
    /// What was tried, nothing being wrong so far.
    pub(crate) fn new(tried: impl Into<String>) -> Self {
        Self { tried: tried.into(), ..Self::default() }
    }

    /// A scenario that could not be brought to its end.
    pub(crate) fn broken(error: &anyhow::Error) -> Self {
        Self { missed: vec![format!("broke off: {error:#}")], ..Self::new("broke off") }
    }

    pub(crate) fn of(mut self, promise: &'static str) -> Self {
        self.promise = promise;
        self
    }

    /// Notes that a figure is not met unless `met`; `what` says what was seen.
    pub(crate) fn check(&mut self, met: bool, what: impl FnOnce() -> String) {
        if !met {
            self.missed.push(what());
        }
    }

    /// Notes what was lost and what came twice: neither may be.
    pub(crate) fn count(&mut self, lost: usize, duplicated: usize) {
        self.lost += lost;
        self.duplicated += duplicated;
    }

    pub(crate) fn is_met(&self) -> bool {
        self.missed.is_empty() && self.lost == 0 && self.duplicated == 0
    }

    pub(crate) fn missed(&self) -> &[String] {
        &self.missed
    }
}

/// All figures, as a table in Markdown.
pub(crate) fn table(figures: &[(&str, Figure)]) -> String {
    let mut table = "\n| promise | tried | lost | duplicated | extra calls | recovery | held |\n|---|---|---|---|---|---|---|\n".to_owned();
    for (name, figure) in figures {
        let recovery =
            figure.recovery.map_or("–".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()));
        let tried = std::iter::once(&figure.tried).chain(&figure.seen).map(String::as_str);
        let _ = writeln!(
            table,
            "| {} (`{name}`) | {} | {} | {} | {} | {recovery} | {} |",
            figure.promise,
            tried.collect::<Vec<_>>().join("; "),
            figure.lost,
            figure.duplicated,
            figure.extra_calls,
            if figure.is_met() { "yes" } else { "**no**" },
        );
    }
    let held = figures.iter().filter(|(_, figure)| figure.is_met()).count();
    let _ = writeln!(table, "\n{held} of {} promises held", figures.len());
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_loss_one_duplicate_or_one_missed_figure_breaks_a_promise() {
        let broken: [fn(&mut Figure); 3] =
            [|f| f.count(1, 0), |f| f.count(0, 1), |f| f.check(false, || "seen".to_owned())];
        for spoil in broken {
            let mut figure = Figure::new("x");
            assert!(figure.is_met());
            spoil(&mut figure);
            assert!(!figure.is_met());
        }
        assert!(!Figure::broken(&anyhow::anyhow!("gone")).is_met());
    }

    #[test]
    fn the_table_says_what_was_not_held() {
        let held =
            Figure { recovery: Some(Duration::from_millis(1_250)), ..Figure::new("10 kills").of("it holds") };
        let table = table(&[("a", held), ("b", Figure::broken(&anyhow::anyhow!("gone")).of("it does not"))]);
        assert!(table.contains("| it holds (`a`) | 10 kills | 0 | 0 | 0 | 1.2 s | yes |"), "{table}");
        assert!(table.contains("**no**") && table.contains("1 of 2 promises held"), "{table}");
    }
}
