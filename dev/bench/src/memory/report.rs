//! What came of it: tables for people, a file for programs, and what the bill is worked out from.

use std::fmt::Write as _;

use anyhow::Result;
use cost::figures::{Figure, Figures};
use cost::prices::Prices;
use harness::Suite;
use serde_json::{Value, json};
use stack::StackFolder;

use super::super::report::{keep, megabytes};
use super::super::sample::milliseconds;
use super::measure::{Curve, Point};

/// Asks whose function's start is shown: one without clients of AWS, one with, and those of other sizes.
const STARTS: [&str; 4] = ["GET /api/user/me", "POST message", "POST /api/auth/login", "worker, 1 message"];

pub(super) struct Report {
    /// How the programs were built.
    build: &'static str,
    /// Whether processes had a share of a processor; else it is computed.
    limited: bool,
    prices: Prices,
    pub(super) curves: Vec<Curve>,
}

impl Report {
    pub(super) fn new(suite: &Suite, limited: bool) -> Result<Self> {
        let release = suite.programs.ends_with("release");
        Ok(Self {
            build: if release { "release" } else { "debug" },
            limited,
            prices: Prices::read(suite.home.root())?,
            curves: Vec::new(),
        })
    }

    /// What a million of them cost at this size, their number left out, in dollars.
    fn dollars(&self, point: &Point) -> f64 {
        let seconds = point.warm.billed_ms() / 1e3 * 1e6;
        let memory = u32::try_from(point.size).map_or(0.0, f64::from);
        self.prices.lambda(seconds, memory).unwrap_or(f64::NAN)
    }

    /// The cheapest size that what is resident fits in.
    fn cheapest(&self, curve: &Curve) -> Option<u64> {
        let fitting = curve.points.iter().filter(|point| fits(point));
        let cheapest = fitting.min_by(|one, other| self.dollars(one).total_cmp(&self.dollars(other)));
        cheapest.map(|point| point.size)
    }

    /// All of it, in Markdown.
    pub(super) fn table(&self) -> String {
        let mut text =
            "\n| request | MB | p50 ms | p99 ms | billed ms | dollars a million | resident MB | |\n\
                        |---|---|---|---|---|---|---|---|\n"
                .to_owned();
        for curve in &self.curves {
            let cheapest = self.cheapest(curve);
            for point in &curve.points {
                let notes = [
                    (cheapest == Some(point.size), "cheapest"),
                    (curve.chosen == point.size, "chosen"),
                    (!fits(point), "does not fit"),
                ];
                let notes: Vec<&str> = notes.iter().filter(|(is, _)| *is).map(|(_, note)| *note).collect();
                let _ = writeln!(
                    text,
                    "| {} | {} | {} | {} | {:.1} | {:.3} | {} | {} |",
                    curve.name,
                    point.size,
                    milliseconds(point.warm.median()),
                    milliseconds(point.warm.percentile(99)),
                    point.warm.billed_ms(),
                    self.dollars(point),
                    megabytes(point.peak),
                    notes.join(", "),
                );
            }
        }
        self.tell_starts(&mut text);
        text
    }

    fn tell_starts(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "\n| start | MB | ready ms, whole processor | ready ms, its share | first answer ms after that | both ms |\n\
             |---|---|---|---|---|---|"
        );
        for curve in self.curves.iter().filter(|curve| STARTS.contains(&curve.name)) {
            for point in &curve.points {
                let both = point.ready.median().zip(point.first.median()).map(|(ready, first)| ready + first);
                let _ = writeln!(
                    text,
                    "| {}: {} | {} | {} | {} | {} | {} |",
                    curve.function,
                    curve.name,
                    point.size,
                    milliseconds(point.ready.median()),
                    milliseconds(point.ready_limited.median()),
                    milliseconds(point.first.median()),
                    milliseconds(both),
                );
            }
        }
    }

    /// Writes the figures to `memory.json` in the bench's folder.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn write(&self, home: &StackFolder) -> Result<()> {
        keep(home, "memory.json", &format!("{:#}\n", self.json()))
    }

    fn json(&self) -> Value {
        let ms = |time: Option<std::time::Duration>| time.map(|time| rounded(time.as_secs_f64() * 1e3));
        let point = |point: &Point| {
            json!({
                "memory_mb": point.size, "p50_ms": ms(point.warm.median()), "p99_ms": ms(point.warm.percentile(99)),
                "billed_ms": rounded(point.warm.billed_ms()), "dollars_a_million": rounded(self.dollars(point)),
                "ready_ms": ms(point.ready.median()), "ready_limited_ms": ms(point.ready_limited.median()),
                "first_ms": ms(point.first.median()), "peak_bytes": point.peak,
            })
        };
        let curve = |curve: &Curve| {
            json!({
                "name": curve.name, "function": curve.function, "chosen_mb": curve.chosen,
                "cheapest_mb": self.cheapest(curve), "cpu_ms": ms(Some(curve.cpu)), "counts": curve.counts,
                "points": curve.points.iter().map(point).collect::<Vec<_>>(),
            })
        };
        json!({
            "build": self.build, "limited": self.limited,
            "curves": self.curves.iter().map(curve).collect::<Vec<_>>(),
        })
    }

    /// What the bill is worked out from.
    pub(super) fn figures(&self) -> Figures {
        let ms = |time: Option<std::time::Duration>| rounded(time.unwrap_or_default().as_secs_f64() * 1e3);
        let figure = |curve: &Curve| {
            let point = curve.points.iter().find(|point| point.size == curve.chosen);
            let figure = Figure {
                function: curve.function.to_owned(),
                memory_mb: curve.chosen,
                billed_ms: point.map_or(0.0, |point| rounded(point.warm.billed_ms())),
                cpu_ms: ms(Some(curve.cpu)),
                ready_ms: ms(point.and_then(|point| point.ready.median())),
                first_ms: ms(point.and_then(|point| point.first.median())),
                statements: curve.counts.statements,
                redis_commands: curve.traffic.redis_commands,
                redis_bytes: curve.traffic.redis_bytes,
                aws: curve.counts.aws,
                log_bytes: curve.traffic.log_bytes,
                log_lines: curve.traffic.log_lines,
                response_bytes: u32::try_from(curve.answer).map_or(0.0, f64::from),
            };
            (curve.name.to_owned(), figure)
        };
        Figures { build: self.build.to_owned(), requests: self.curves.iter().map(figure).collect() }
    }
}

/// Whether what was resident fits in the size. What else Lambda has in there is not known.
fn fits(point: &Point) -> bool {
    point.peak <= point.size * 1_048_576
}

fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}
