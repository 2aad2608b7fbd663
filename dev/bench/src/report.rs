//! What came of it: a table for people, a file for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use harness::guest::Counts;
use serde_json::{Value, json};
use stack::StackFolder;

use super::chart;
use super::floors::Floors;
use super::instructions::thousands;
use super::machine::FLOOR;
use super::sample::{Sample, milliseconds};

/// How a function starts.
pub(super) struct StartFigures {
    pub(super) function: &'static str,
    /// From its start until it asks for something to do.
    pub(super) ready: Sample,
    /// The most memory that was resident then, in bytes.
    pub(super) memory: u64,
    /// What that takes of instructions, where they could be counted.
    pub(super) instructions: Option<u64>,
}

impl StartFigures {
    pub(super) fn of(function: &'static str) -> Self {
        Self { function, ready: Sample::default(), memory: 0, instructions: None }
    }
}

/// What a request of one kind takes.
pub(super) struct RouteFigures {
    pub(super) name: &'static str,
    pub(super) function: &'static str,
    /// From a process's start to its first answer.
    pub(super) first: Sample,
    /// Once all is warm.
    pub(super) warm: Sample,
    /// The same where the network is not the loopback.
    pub(super) far: Sample,
    pub(super) counts: Counts,
    /// Of one request, on a processor.
    pub(super) cpu: Duration,
    /// Resident after all of them, in bytes.
    pub(super) memory: u64,
    /// Of one request, warm, where they could be counted.
    pub(super) instructions: Option<u64>,
}

#[derive(Default)]
pub(super) struct Report {
    pub(super) starts: Vec<StartFigures>,
    pub(super) routes: Vec<RouteFigures>,
    pub(super) floors: Option<Floors>,
    /// Of the programs, in bytes.
    pub(super) sizes: BTreeMap<&'static str, u64>,
}

impl RouteFigures {
    /// How many trips it waited for, one after the other: what a network that is farther away adds, by what it adds to one.
    pub(super) fn hops(&self, floors: &Floors) -> Option<f64> {
        let added = self.far.median()?.checked_sub(self.warm.median()?)?;
        let one = floors.far_ping.median()?.checked_sub(floors.ping.median()?)?;
        Some(added.as_secs_f64() / one.as_secs_f64())
    }
}

impl Report {
    /// All of it, in Markdown.
    pub(super) fn table(&self) -> String {
        let mut text = String::new();
        if let Some(floors) = &self.floors {
            self.tell_starts(&mut text);
            let _ = writeln!(text, "\n| floor | p50 ms |\n|---|---|");
            for (name, sample) in floors.all() {
                let _ = writeln!(text, "| {name} | {} |", milliseconds(sample.median()));
            }
        }
        let _ = writeln!(
            text,
            "\n| request | first ms | p50 ms | p99 ms | p50 far ms | hops | CPU ms | k instructions | statements | Postgres | Redis | AWS | Stripe | Gemini | MB |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
        );
        for route in &self.routes {
            let hops = self.floors.as_ref().and_then(|floors| route.hops(floors));
            let hops = hops.map_or("–".to_owned(), |hops| format!("{hops:.1}"));
            let Counts { statements, postgres, redis, aws, stripe, gemini } = route.counts;
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {hops} | {} | {} | {statements} | {postgres} | {redis} | {aws} | {stripe} | {gemini} | {} |",
                route.name,
                milliseconds(route.first.median()),
                milliseconds(route.warm.median()),
                milliseconds(route.warm.percentile(99)),
                milliseconds(route.far.median()),
                milliseconds(Some(route.cpu)),
                thousands(route.instructions),
                megabytes(route.memory),
            );
        }
        text
    }

    fn tell_starts(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "\n| function | ready ms | of the floor | k instructions | MB at start | program MB |\n|---|---|---|---|---|---|"
        );
        let floor = self.starts.iter().find(|one| one.function == FLOOR).and_then(|one| one.ready.median());
        for one in &self.starts {
            let ratio =
                one.ready.median().zip(floor).map(|(own, floor)| own.as_secs_f64() / floor.as_secs_f64());
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} |",
                one.function,
                milliseconds(one.ready.median()),
                ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.1}")),
                thousands(one.instructions),
                megabytes(one.memory),
                megabytes(self.sizes.get(one.function).copied().unwrap_or_default()),
            );
        }
    }

    /// Writes the figures to `bench.json` and the chart to `bench.svg`, in the bench's folder.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn write(&self, home: &StackFolder) -> Result<()> {
        keep(home, "bench.json", &format!("{:#}\n", self.json()))?;
        keep(home, "bench.svg", &chart::draw(self))
    }

    fn json(&self) -> Value {
        let ms = |time: Option<Duration>| time.map(|time| (time.as_secs_f64() * 1e6).round() / 1e3);
        let starts: Vec<Value> = self
            .starts
            .iter()
            .map(|one| json!({ "function": one.function, "ready_ms": ms(one.ready.median()), "memory_bytes": one.memory, "instructions": one.instructions }))
            .collect();
        let route = |route: &RouteFigures| {
            json!({
                "name": route.name, "function": route.function, "first_ms": ms(route.first.median()),
                "p50_ms": ms(route.warm.median()), "p90_ms": ms(route.warm.percentile(90)),
                "p99_ms": ms(route.warm.percentile(99)), "far_p50_ms": ms(route.far.median()),
                "hops": self.floors.as_ref().and_then(|floors| route.hops(floors)), "cpu_ms": ms(Some(route.cpu)),
                "memory_bytes": route.memory, "counts": route.counts, "instructions": route.instructions,
            })
        };
        let floors: BTreeMap<&str, Option<f64>> = self
            .floors
            .iter()
            .flat_map(|floors| floors.all().map(|(name, sample)| (name, ms(sample.median()))))
            .collect();
        json!({
            "starts": starts, "floors_ms": floors, "program_bytes": self.sizes,
            "routes": self.routes.iter().map(route).collect::<Vec<_>>(),
        })
    }
}

/// Writes a file to the bench's folder, and says where it is.
///
/// # Errors
/// When it cannot be written.
pub(super) fn keep(home: &StackFolder, name: &str, text: &str) -> Result<()> {
    let path = home.subfolder("")?.join(name);
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    stack::progress::print(format_args!("  {}\n", path.display()));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a program is not that large")]
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1_048_576.0)
}
