//! How many instructions of the processor a request takes in its function's process, by valgrind: a figure that does not depend on
//! the machine being busy, as times do.
//!
//! Valgrind counts a process from its start to its end, so two processes are run that are asked a different number of times, and
//! what the one has more is divided by that number. What the kernel does is not in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::guest::Guest;
use harness::world::World;
use stack::python;
use tokio::time::timeout;

use super::probes::Probe;

/// How often a request is made in the one process, and in the other. By the first number everything is warm.
const TIMES: [u32; 2] = [10, 60];

/// How often that is done, of which the median counts: now and then a process has something else to do, a cache that is over.
const PAIRS: usize = 3;

/// How often each request is made in all.
pub(super) const ASKED: usize = PAIRS * (TIMES[0] + TIMES[1]) as usize;

/// How long a process may take to start, or to end: it runs some thirty times as slowly.
const PATIENCE: Duration = Duration::from_mins(2);

/// What counts.
pub(super) struct Counter {
    valgrind: PathBuf,
    /// Where it writes what it has counted.
    output: PathBuf,
}

impl Counter {
    /// What counts, or nothing where valgrind is not installed.
    ///
    /// # Errors
    /// When there is no place for what it writes.
    pub(super) fn find(world: &World) -> Result<Option<Self>> {
        let output = world.home.subfolder("logs")?.join("instructions.out");
        Ok(python::on_path("valgrind").map(|valgrind| Self { valgrind, output }))
    }

    /// What a function takes from its start until it asks for something to do.
    ///
    /// # Errors
    /// When it cannot be counted.
    pub(super) async fn of_start(&self, world: &World, function: &str) -> Result<u64> {
        let guest = self.start(world, function).await?;
        self.end(guest).await.with_context(|| format!("counting the instructions of {function}"))
    }

    /// What one request takes, warm.
    ///
    /// # Errors
    /// When it cannot be counted.
    pub(super) async fn of_request(&self, world: &World, probe: &Probe) -> Result<u64> {
        let mut counts = [0; PAIRS];
        for count in &mut counts {
            let fewer = self.of_requests(world, probe, TIMES[0]).await?;
            let more = self.of_requests(world, probe, TIMES[1]).await?;
            *count = more.saturating_sub(fewer) / u64::from(TIMES[1] - TIMES[0]);
        }
        counts.sort_unstable();
        Ok(counts[PAIRS / 2])
    }

    /// What a process takes that is asked so many times.
    async fn of_requests(&self, world: &World, probe: &Probe, times: u32) -> Result<u64> {
        let guest = self.start(world, probe.function).await?;
        for _ in 0..times {
            probe.ask(&guest).await?;
        }
        self.end(guest).await.with_context(|| format!("counting the instructions of {}", probe.name))
    }

    /// A process that is counted, once it is ready.
    async fn start(&self, world: &World, function: &str) -> Result<Guest> {
        let words = [
            self.valgrind.display().to_string(),
            "--quiet".to_owned(),
            "--tool=cachegrind".to_owned(),
            "--cache-sim=no".to_owned(),
            format!("--cachegrind-out-file={}", self.output.display()),
        ];
        let guest = Guest::under(world, function, &words).await?;
        timeout(PATIENCE, guest.ready()).await.context("valgrind takes too long")??;
        Ok(guest)
    }

    /// Ends a process, and answers what it took.
    async fn end(&self, guest: Guest) -> Result<u64> {
        ensure!(guest.end(PATIENCE).await, "valgrind does not end");
        count(&self.output)
    }
}

/// The total in what valgrind has written.
fn count(output: &Path) -> Result<u64> {
    let text = fs::read_to_string(output).with_context(|| format!("reading {}", output.display()))?;
    fs::remove_file(output).with_context(|| format!("deleting {}", output.display()))?;
    total(&text).with_context(|| format!("{} has no total", output.display()))
}

fn total(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("summary:"))?.trim().parse().ok()
}

/// Instructions for people, in thousands.
pub(super) fn thousands(count: Option<u64>) -> String {
    count.map_or("–".to_owned(), |count| (count / 1_000).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read() {
        let text = "desc: I1 cache: none\ncmd: ./user\nevents: Ir\nfl=a\nfn=b\n1 2\nsummary: 1234567\n";
        assert_eq!(total(text), Some(1_234_567));
        assert_eq!(total("events: Ir\n"), None);
        assert_eq!(thousands(total(text)), "1234");
        assert_eq!(thousands(None), "–");
    }
}
