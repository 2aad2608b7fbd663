//! Results of cold starts and requests, and their table rows.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::counters::Counters;
use crate::programs::BASELINE;
use crate::report::Row;
use crate::sample::{Sample, ratio};

/// Starts of one program.
pub(super) struct ColdStart {
    pub(super) program: String,
    /// From the start of the process until it polls for an invocation.
    pub(super) init: Sample,
    /// Peak resident memory at that point, in bytes.
    pub(super) memory: u64,
    /// Thousands of instructions until then.
    pub(super) instructions: Option<f64>,
}

impl ColdStart {
    pub(super) fn of(program: &str) -> Self {
        Self { program: program.to_owned(), init: Sample::default(), memory: 0, instructions: None }
    }
}

pub(super) fn cold_start_rows(results: &[ColdStart], sizes: &BTreeMap<String, u64>) -> Vec<Row> {
    let baseline =
        results.iter().find(|result| result.program == BASELINE).and_then(|result| result.init.median());
    let row = |result: &ColdStart| {
        Row::default()
            .text("program", &result.program)
            .ms("init ms", result.init.median())
            .number("relative to baseline", ratio(result.init.median(), baseline))
            .number("thousand instructions", result.instructions)
            .mb("memory MB", result.memory)
            .mb("binary MB", sizes.get(&result.program).copied().unwrap_or_default())
    };
    results.iter().map(row).collect()
}

/// Measurements of one request.
pub(super) struct RequestResult {
    pub(super) name: &'static str,
    /// From the start of the process until its first response.
    pub(super) first: Sample,
    pub(super) warm: Sample,
    /// Warm, with network delay.
    pub(super) delayed: Sample,
    /// SQL statements, round trips by dependency, sequential round trips, and instructions, as far as they were measured.
    pub(super) counts: Counters,
    pub(super) cpu: Duration,
    /// Resident memory after all requests, in bytes.
    pub(super) memory: u64,
}

impl RequestResult {
    pub(super) fn row(&self) -> Row {
        Row::default()
            .text("request", self.name)
            .ms("first ms", self.first.median())
            .ms("p50 ms", self.warm.median())
            .ms("p90 ms", self.warm.percentile(90))
            .ms("p99 ms", self.warm.percentile(99))
            .ms("p50 delayed ms", self.delayed.median())
            .ms("CPU ms", self.cpu)
            .counters(&self.counts)
            .mb("memory MB", self.memory)
    }
}
