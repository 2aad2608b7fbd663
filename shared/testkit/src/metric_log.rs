//! [`MetricLog`]: the metrics that an application writes.

use std::sync::{Arc, Mutex};

use app::metrics::Metrics;
use serde_json::Value;

/// Records metrics instead of writing them to standard output.
#[derive(Debug, Clone, Default)]
pub struct MetricLog(Arc<Mutex<Vec<Value>>>);

impl MetricLog {
    pub(crate) fn as_sink(&self) -> Metrics {
        let lines = self.0.clone();
        let sink = move |line: &[u8]| {
            lines.lock().unwrap().push(serde_json::from_slice(line).expect("a metric is one line of JSON"));
        };
        Metrics::new(Some("test".to_owned()), Box::new(sink))
    }

    /// The values of the metric `name` so far, in order.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<f64> {
        self.lines(name).iter().filter_map(|line| line[name].as_f64()).collect()
    }

    /// The lines with the metric `name` so far, in order.
    #[must_use]
    pub fn lines(&self, name: &str) -> Vec<Value> {
        self.0.lock().unwrap().iter().filter(|line| !line[name].is_null()).cloned().collect()
    }

    /// The names of all metrics so far, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        let directives = lines.iter().map(|line| &line["_aws"]["CloudWatchMetrics"][0]["Metrics"]);
        let metrics = directives.flat_map(|metrics| metrics.as_array().into_iter().flatten());
        metrics.filter_map(|metric| metric["Name"].as_str().map(str::to_owned)).collect()
    }
}
