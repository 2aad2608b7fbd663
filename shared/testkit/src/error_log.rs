//! [`ErrorLog`]: the errors that a test's thread logs, which raise alarms in production.

use std::cell::RefCell;
use std::fmt::{Debug, Write as _};
use std::sync::Once;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Subscriber, set_global_default};
use tracing::{Event, Level, Metadata};

thread_local! {
    /// The lines of this thread, while it collects them.
    static LINES: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Collects the lines of the level `ERROR` on this thread until it is dropped.
pub struct ErrorLog(());

impl ErrorLog {
    /// Starts to collect.
    #[must_use]
    pub fn start() -> Self {
        // One subscriber for all threads. With one for each, `tracing` may cache for all of them
        // that a line is not wanted, because the thread that logged it first had none.
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| set_global_default(Collector).expect("it is the only subscriber"));
        LINES.set(Some(Vec::new()));
        Self(())
    }

    /// Returns the lines since the last call, each with its message and its fields.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        LINES.replace(Some(Vec::new())).unwrap_or_default()
    }
}

impl Drop for ErrorLog {
    fn drop(&mut self) {
        LINES.set(None);
    }
}

struct Collector;

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        LINES.with_borrow_mut(|lines| lines.as_mut().map(|lines| lines.push(line.0)));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).expect("text can be appended");
    }
}
