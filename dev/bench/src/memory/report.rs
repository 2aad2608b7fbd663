//! The table of memory sizes, `memory.json`, and the figures for the cost model.

use anyhow::Result;
use cost::figures::{Figures, RequestFigures};
use cost::prices::Prices;
use harness::Suite;
use serde_json::json;
use stack::StackFolder;

use super::measure::{RequestResult, SizeResult};
use crate::report::{self, Row, rounded};

pub(super) struct MemoryReport {
    /// The cargo profile of the binaries.
    build: &'static str,
    /// Whether processes ran under a CPU quota; otherwise durations are estimates.
    is_limited: bool,
    prices: Prices,
    results: Vec<RequestResult>,
}

impl MemoryReport {
    pub(super) fn new(suite: &Suite, is_limited: bool) -> Result<Self> {
        let build = if suite.programs.ends_with("release") { "release" } else { "debug" };
        Ok(Self { build, is_limited, prices: Prices::read(suite.home.root())?, results: Vec::new() })
    }

    pub(super) fn add(&mut self, result: RequestResult) {
        self.results.push(result);
    }

    pub(super) fn markdown(&self) -> String {
        report::markdown(&self.rows())
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for RequestResult { name, function, deployed, sizes } in &self.results {
            let fitting = sizes.iter().filter(|size| fits(size));
            let cheapest = fitting.min_by(|a, b| self.dollars(a).total_cmp(&self.dollars(b)));
            let cheapest = cheapest.map(|size| size.megabytes);
            rows.extend(sizes.iter().map(|size| {
                let notes = [
                    (cheapest == Some(size.megabytes), "cheapest"),
                    (*deployed == size.megabytes, "deployed"),
                    (!fits(size), "does not fit"),
                ];
                let notes: Vec<&str> = notes.iter().filter(|(is, _)| *is).map(|(_, note)| *note).collect();
                let cold_start = size.init.median().zip(size.first_request.median()).map(|(a, b)| a + b);
                Row::default()
                    .text("request", *name)
                    .text("function", function)
                    .mb("memory MB", size.megabytes * MB)
                    .ms("p50 ms", size.warm.median())
                    .ms("p99 ms", size.warm.percentile(99))
                    .number("billed ms", size.warm.billed_ms())
                    .ms("CPU ms", size.cpu)
                    .number("dollars per million", self.dollars(size))
                    .ms("init ms, whole vCPU", size.init.median())
                    .ms("init ms, CPU quota", size.init_limited.median())
                    .ms("first request ms", size.first_request.median())
                    .ms("cold start ms", cold_start)
                    .mb("resident MB", size.peak)
                    .text("notes", notes.join(", "))
            }));
        }
        rows
    }

    /// The cost of the duration of a million requests. The price per invocation does not depend on the size.
    fn dollars(&self, size: &SizeResult) -> f64 {
        let seconds = size.warm.billed_ms() / 1e3 * 1e6;
        let megabytes = u32::try_from(size.megabytes).map_or(0.0, f64::from);
        self.prices.lambda(seconds, megabytes).unwrap_or(f64::NAN)
    }

    pub(super) fn write(&self, home: &StackFolder) -> Result<()> {
        let json = json!({
            "build": self.build, "is_limited": self.is_limited, "sizes": report::json(&self.rows()),
            "deployed": self.figures().requests,
        });
        report::write(home, "memory.json", &format!("{json:#}\n"))
    }

    /// The measurements at the deployed memory sizes.
    pub(super) fn figures(&self) -> Figures {
        let ms = |time: Option<std::time::Duration>| rounded(time.unwrap_or_default().as_secs_f64() * 1e3);
        let figures = |request: &RequestResult| {
            let size = request.sizes.iter().find(|size| size.megabytes == request.deployed)?;
            let count = |name| size.counters.get(name);
            let figures = RequestFigures {
                function: request.function.clone(),
                memory_mb: request.deployed,
                billed_ms: rounded(size.warm.billed_ms()),
                cpu_ms: ms(Some(size.cpu)),
                init_ms: ms(size.init.median()),
                first_request_ms: ms(size.first_request.median()),
                sql_statements: count("statements"),
                redis_commands: count("redis_commands"),
                redis_bytes: count("redis_bytes"),
                aws_calls: count("aws"),
                log_bytes: count("log_bytes"),
                log_lines: count("log_lines"),
                response_bytes: u32::try_from(size.response_bytes).map_or(0.0, f64::from),
            };
            Some((request.name.to_owned(), figures))
        };
        Figures { build: self.build.to_owned(), requests: self.results.iter().filter_map(figures).collect() }
    }
}

const MB: u64 = 1_048_576;

/// Whether the process fits into the memory. What else Lambda keeps there is unknown.
fn fits(size: &SizeResult) -> bool {
    size.peak <= size.megabytes * MB
}
