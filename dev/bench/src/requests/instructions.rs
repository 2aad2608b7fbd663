//! Counts CPU instructions with valgrind. Unlike times, they do not depend on the load of the
//! machine. Instructions of the kernel are not included.
//!
//! Valgrind counts a process from start to end. Two processes therefore handle different numbers of
//! requests, and the difference is divided by the additional requests.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::{InstrumentedInstance, TestEnvironment};
use stack::python;
use tokio::time::timeout;

use crate::bench_request::BenchRequest;

/// Requests of the two processes. After the first number everything is warm.
const REQUESTS: [u16; 2] = [10, 60];

/// Repetitions, of which the median counts: sometimes a process does other work too, such as
/// refreshing a cache.
const PAIRS: usize = 3;

/// Time for a process to start or to end. Valgrind makes it about 30 times slower.
const TIMEOUT: Duration = Duration::from_mins(2);

pub(super) struct InstructionCounter<'a> {
    environment: &'a TestEnvironment,
    valgrind: PathBuf,
    output: PathBuf,
}

impl<'a> InstructionCounter<'a> {
    /// `None` if valgrind is not installed.
    pub(super) fn find(environment: &'a TestEnvironment) -> Result<Option<Self>> {
        let output = environment.home.subfolder("logs")?.join("instructions.out");
        Ok(python::on_path("valgrind").map(|valgrind| Self { environment, valgrind, output }))
    }

    /// Thousands of instructions of a function from its start until it polls for an invocation.
    pub(super) async fn count_init(&self, function: &str) -> Result<f64> {
        let instance = self.start(function).await?;
        self.end(instance, function).await
    }

    /// Thousands of instructions of one warm request.
    pub(super) async fn count_request(&self, request: &BenchRequest) -> Result<f64> {
        let mut counts = [0.0; PAIRS];
        for count in &mut counts {
            let mut totals = [0.0; 2];
            for (total, times) in totals.iter_mut().zip(REQUESTS) {
                let instance = self.start(&request.function).await?;
                request.send(&instance, times.into()).await?;
                *total = self.end(instance, request.name).await?;
            }
            *count = (totals[1] - totals[0]) / f64::from(REQUESTS[1] - REQUESTS[0]);
        }
        counts.sort_unstable_by(f64::total_cmp);
        Ok(counts[PAIRS / 2])
    }

    async fn start(&self, function: &str) -> Result<InstrumentedInstance> {
        let (valgrind, output) = (self.valgrind.display(), self.output.display());
        let output = format!("--cachegrind-out-file={output}");
        let command = [&valgrind.to_string(), "--quiet", "--tool=cachegrind", "--cache-sim=no", &output];
        let command = command.map(str::to_owned);
        let instance = InstrumentedInstance::start_under(self.environment, function, &command).await?;
        timeout(TIMEOUT, instance.ready()).await.context("the function did not start under valgrind")??;
        Ok(instance)
    }

    /// Ends the process and returns its instructions in thousands.
    async fn end(&self, instance: InstrumentedInstance, name: &str) -> Result<f64> {
        ensure!(instance.terminate(TIMEOUT).await, "{name}: valgrind did not end");
        let read = || {
            let text = fs::read_to_string(&self.output)?;
            fs::remove_file(&self.output)?;
            total(&text).context("it has no total")
        };
        read().with_context(|| format!("{name}: reading {}", self.output.display()))
    }
}

fn total(cachegrind: &str) -> Option<f64> {
    let instructions = cachegrind.lines().find_map(|line| line.strip_prefix("summary:"))?;
    Some(instructions.trim().parse::<f64>().ok()? / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn total_is_read_from_the_summary() {
        let text = "desc: I1 cache: none\ncmd: ./user\nevents: Ir\nfl=a\nfn=b\n1 2\nsummary: 1234567\n";
        assert_eq!(total(text), Some(1_234.567));
        assert_eq!(total("events: Ir\n"), None);
    }
}
