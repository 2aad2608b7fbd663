//! One event as a line in CloudWatch's embedded metric format.

use std::time::SystemTime;

use metrique_writer_core::format::Format as _;
use metrique_writer_core::unit::NegativeScale;
use metrique_writer_core::value::MetricFlags;
use metrique_writer_core::{Entry, EntryWriter, Observation, Value, ValueWriter};
use metrique_writer_format_emf::Emf;
use tracing::error;

use super::catalog::{Dimension, Unit};
use super::event::{DimensionValues, MetricEvent, Values};

/// The line of `event`, with its end. `None` if there is none, which is logged.
pub(super) fn format(namespace: &str, event: &MetricEvent<'_>) -> Option<Vec<u8>> {
    let line = Line {
        values: event.values(),
        dimensions: event.dimensions(),
        message: event.message().map(|id| id.to_string()),
    };
    // The metrics of an event have the same dimensions.
    let by = line.values.first().map(|(metric, _)| metric.by).unwrap_or_default();
    let sets =
        by.iter().map(|dimension| dimension.map(Dimension::name).map(str::to_owned).into_iter().collect());
    let mut text = Vec::with_capacity(512);
    match Emf::builder(namespace.to_owned(), sets.collect()).build().format(&line, &mut text) {
        Ok(()) => Some(text),
        Err(cause) => {
            error!(error = %cause, "a metric is not written");
            None
        }
    }
}

struct Line<'a> {
    values: Values,
    dimensions: DimensionValues<'a>,
    message: Option<String>,
}

impl Entry for Line<'_> {
    #[expect(clippy::disallowed_methods, reason = "CloudWatch refuses metrics of another time")]
    fn write<'a>(&'a self, writer: &mut impl EntryWriter<'a>) {
        writer.timestamp(SystemTime::now());
        for (metric, value) in &self.values {
            writer.value(metric.name, &Measurement { value: *value, unit: metric.unit });
        }
        for (dimension, value) in &self.dimensions {
            writer.value(dimension.name(), *value);
        }
        if let Some(message) = &self.message {
            writer.value("message.id", message);
        }
    }
}

struct Measurement {
    value: f64,
    unit: Unit,
}

impl Value for Measurement {
    fn write(&self, writer: impl ValueWriter) {
        let unit = match self.unit {
            Unit::Count => metrique_writer_core::Unit::Count,
            Unit::Milliseconds => metrique_writer_core::Unit::Second(NegativeScale::Milli),
        };
        writer.metric([Observation::Floating(self.value)], unit, [], MetricFlags::empty());
    }
}
