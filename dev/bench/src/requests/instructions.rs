//! Counts CPU instructions with valgrind. Unlike times, they do not depend on the load of the machine. Instructions of the kernel
//! are not included.
//!
//! Valgrind counts a process from start to end. Two processes therefore handle different numbers of requests, and the difference
//! is divided by the additional requests.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::{InstrumentedInstance, TestEnvironment};
use stack::python;
use tokio::time::timeout;

use crate::bench_request::BenchRequest;

/// Requests of the two processes. After the first number everything is warm.
const REQUESTS: [u32; 2] = [10, 60];

/// Repetitions, of which the median counts: sometimes a process does other work too, such as refreshing a cache.
const PAIRS: usize = 3;

/// Time for a process to start or to end. Valgrind makes it about 30 times slower.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Runs functions under valgrind.
pub(super) struct InstructionCounter {
    valgrind: PathBuf,
    output: PathBuf,
}

impl InstructionCounter {
    /// `None` if valgrind is not installed.
    pub(super) fn find(environment: &TestEnvironment) -> Result<Option<Self>> {
        let output = environment.home.subfolder("logs")?.join("instructions.out");
        Ok(python::on_path("valgrind").map(|valgrind| Self { valgrind, output }))
    }

    /// Thousands of instructions of a function from its start until it polls for an invocation.
    pub(super) async fn count_init(&self, environment: &TestEnvironment, function: &str) -> Result<f64> {
        let instance = self.start(environment, function).await?;
        self.end(instance).await.with_context(|| format!("counting the instructions of {function}"))
    }

    /// Thousands of instructions of one warm request.
    pub(super) async fn count_request(
        &self,
        environment: &TestEnvironment,
        request: &BenchRequest,
    ) -> Result<f64> {
        let mut counts = [0.0; PAIRS];
        for count in &mut counts {
            let [fewer, more] = REQUESTS;
            let base = self.count_requests(environment, request, fewer).await?;
            let total = self.count_requests(environment, request, more).await?;
            *count = (total - base) / f64::from(more - fewer);
        }
        counts.sort_unstable_by(f64::total_cmp);
        Ok(counts[PAIRS / 2])
    }

    /// Instructions of a process that handles `times` requests.
    async fn count_requests(
        &self,
        environment: &TestEnvironment,
        request: &BenchRequest,
        times: u32,
    ) -> Result<f64> {
        let instance = self.start(environment, &request.function).await?;
        for _ in 0..times {
            request.send(&instance).await?;
        }
        self.end(instance).await.with_context(|| format!("counting the instructions of {}", request.name))
    }

    async fn start(&self, environment: &TestEnvironment, function: &str) -> Result<InstrumentedInstance> {
        let command = [
            self.valgrind.display().to_string(),
            "--quiet".to_owned(),
            "--tool=cachegrind".to_owned(),
            "--cache-sim=no".to_owned(),
            format!("--cachegrind-out-file={}", self.output.display()),
        ];
        let instance = InstrumentedInstance::start_under(environment, function, &command).await?;
        timeout(TIMEOUT, instance.ready()).await.context("the function did not start under valgrind")??;
        Ok(instance)
    }

    /// Ends the process and returns its instructions in thousands.
    async fn end(&self, instance: InstrumentedInstance) -> Result<f64> {
        ensure!(instance.terminate(TIMEOUT).await, "valgrind did not end");
        let path = self.output.display();
        let text = fs::read_to_string(&self.output).with_context(|| format!("reading {path}"))?;
        fs::remove_file(&self.output).with_context(|| format!("deleting {path}"))?;
        total(&text).with_context(|| format!("{path} has no total"))
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
