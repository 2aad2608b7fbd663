//! Metrics in CloudWatch's embedded metric format: one line on standard output for each event,
//! which CloudWatch Logs turns into metrics. Without a namespace nothing is written.
//!
//! `catalog` states every metric once, `event` what each event measures, `line` the format.

mod catalog;
mod event;
mod line;
#[cfg(test)]
mod tests;

use std::io::Write as _;

pub use self::catalog::{Dimension, MAX_SERIES, METRICS, Metric, Unit};
pub use self::event::{MetricEvent, ModelUse, QuotaReason, WebhookOutcome};

type Sink = Box<dyn Fn(&[u8]) + Send + Sync>;

/// Writes metrics.
pub struct Metrics {
    /// The namespace in CloudWatch. `None`: no metrics.
    namespace: Option<String>,
    sink: Sink,
}

impl Metrics {
    /// Metrics of `namespace` on standard output. `None` writes nothing.
    #[must_use]
    pub fn to_stdout(namespace: Option<String>) -> Self {
        Self::new(namespace, Box::new(write_to_stdout))
    }

    /// As [`to_stdout`](Self::to_stdout), with each line passed to `sink`.
    #[must_use]
    pub fn new(namespace: Option<String>, sink: Sink) -> Self {
        Self { namespace, sink }
    }

    /// Writes the metrics of one event.
    pub fn emit(&self, event: &MetricEvent<'_>) {
        if let Some(namespace) = &self.namespace
            && let Some(line) = line::format(namespace, event)
        {
            (self.sink)(&line);
        }
    }
}

/// Writes a whole line at once, so that no log line gets into it. Metrics are lost if standard output
/// is closed, as logs are.
fn write_to_stdout(line: &[u8]) {
    drop(std::io::stdout().lock().write_all(line));
}
