//! The rows of the memory sizes and the figures for the cost model.

use anyhow::Result;
use cost::figures::Figures;
use cost::prices::Prices;

use super::measure::SizeResult;
use crate::report::Row;

const MB: u64 = 1_048_576;

/// The results of one request.
pub(super) struct RequestResult {
    pub(super) name: &'static str,
    /// The memory size in the template.
    pub(super) deployed: u64,
    pub(super) sizes: Vec<SizeResult>,
}

impl RequestResult {
    /// A row for each memory size.
    pub(super) fn rows(&self, prices: &Prices) -> Result<Vec<Row>> {
        let mut dollars = Vec::new();
        for size in &self.sizes {
            dollars.push(dollars_per_million(size, prices)?);
        }
        let fitting = self.sizes.iter().zip(&dollars).filter(|(size, _)| fits(size));
        let cheapest =
            fitting.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(size, _)| size.figures.memory_mb);
        let row = |(size, dollars): (&SizeResult, f64)| {
            let figures = &size.figures;
            let notes = [
                (cheapest == Some(figures.memory_mb), "cheapest"),
                (self.deployed == figures.memory_mb, "deployed"),
                (!fits(size), "does not fit"),
            ];
            let notes: Vec<&str> =
                notes.iter().filter(|(applies, _)| *applies).map(|(_, note)| *note).collect();
            Row::default()
                .text("request", self.name)
                .text("function", &figures.function)
                .mb("memory MB", figures.memory_mb * MB)
                .ms("p50 ms", size.warm.median())
                .ms("p99 ms", size.warm.percentile(99))
                .number("billed ms", figures.billed_ms)
                .number("CPU ms", figures.cpu_ms)
                .number("dollars per million", dollars)
                .number("init ms, whole vCPU", figures.init_ms)
                .ms("init ms, CPU quota", size.init_limited.median())
                .number("first request ms", figures.first_request_ms)
                .number("cold start ms", figures.init_ms + figures.first_request_ms)
                .mb("resident MB", size.peak)
                .text("notes", notes.join(", "))
        };
        Ok(self.sizes.iter().zip(dollars).map(row).collect())
    }
}

/// The cost of the duration. The price per invocation does not depend on the size.
fn dollars_per_million(size: &SizeResult, prices: &Prices) -> Result<f64> {
    let seconds = size.figures.billed_ms / 1e3 * 1e6;
    prices.lambda(seconds, u32::try_from(size.figures.memory_mb)?.into())
}

/// Whether the process fits into the memory. What else Lambda keeps there is unknown.
fn fits(size: &SizeResult) -> bool {
    size.peak <= size.figures.memory_mb * MB
}

/// The measurements at the deployed memory sizes.
pub(super) fn figures(build: &str, results: &[RequestResult]) -> Figures {
    let figures = |result: &RequestResult| {
        let size = result.sizes.iter().find(|size| size.figures.memory_mb == result.deployed)?;
        Some((result.name.to_owned(), size.figures.clone()))
    };
    Figures { build: build.to_owned(), requests: results.iter().filter_map(figures).collect() }
}
