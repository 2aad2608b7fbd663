//! The trace of the current request, and the spans that the function exports.
//!
//! Without `OTEL_EXPORTER_OTLP_ENDPOINT` no span is built: what remains are the ids in the logs.

use std::mem::take;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clients::otlp::{OtlpConfig, OtlpExporter};
pub use clients::otlp::{SpanKind, SpanRecord};
use domain::{RequestOrigin, TraceContext};
use rand::RngExt as _;
use tokio::time::Instant;
use tracing::warn;

use crate::rng;
use crate::telemetry::{chain, service};

/// The most spans that wait for their export. More are dropped.
const MAX_SPANS: usize = 512;
/// How long nothing is exported after a failure, so that a dead collector costs one timeout a minute.
const PAUSE: Duration = Duration::from_mins(1);

tokio::task_local! {
    static CURRENT: RequestOrigin;
}

/// Runs `work` as part of the request `origin`.
pub async fn within<F: Future>(origin: RequestOrigin, work: F) -> F::Output {
    CURRENT.scope(origin, work).await
}

/// The request that the caller works for. `None` outside of requests, as in the sweeper.
#[must_use]
pub fn current() -> Option<RequestOrigin> {
    CURRENT.try_with(Clone::clone).ok()
}

/// The first operation of a new trace.
#[must_use]
pub fn root() -> TraceContext {
    TraceContext::root(rng().random(), rng().random())
}

/// An operation that `parent` has caused.
#[must_use]
pub fn child(parent: TraceContext) -> TraceContext {
    parent.child(rng().random())
}

/// Collects the spans of an invocation, and exports them at its end.
#[derive(Debug, Default)]
pub struct Tracer(Option<Export>);

#[derive(Debug)]
struct Export {
    exporter: OtlpExporter,
    spans: Mutex<Vec<SpanRecord>>,
    /// When the collector may be tried again after a failure.
    paused_until: Mutex<Option<Instant>>,
}

impl Tracer {
    /// A tracer that exports to the collector of `config`. `None` exports nothing.
    #[must_use]
    pub fn new(config: Option<OtlpConfig>) -> Self {
        Self(config.map(|config| Export {
            exporter: OtlpExporter::new(config, service()),
            spans: Mutex::default(),
            paused_until: Mutex::default(),
        }))
    }

    /// Adds the span that `make` returns, if spans are exported and `context` is sampled.
    pub fn record(&self, context: TraceContext, make: impl FnOnce() -> SpanRecord) {
        let Some(export) = self.0.as_ref().filter(|_| context.is_sampled()) else { return };
        let mut spans = export.spans.lock().unwrap_or_else(PoisonError::into_inner);
        if spans.len() < MAX_SPANS {
            spans.push(make());
        }
    }

    /// Exports the spans so far. Call it before the function asks for its next event, because Lambda
    /// freezes it then. It takes no longer than `OTEL_EXPORTER_OTLP_TIMEOUT`, and loses the spans if the
    /// collector does not respond.
    pub async fn flush(&self) {
        let Some(export) = &self.0 else { return };
        let spans = take(&mut *export.spans.lock().unwrap_or_else(PoisonError::into_inner));
        if spans.is_empty() || export.is_paused() {
            return;
        }
        if let Err(error) = export.exporter.export(&spans).await {
            warn!(
                error = chain(&error),
                lost = spans.len(),
                "spans are not exported; trying again in a minute"
            );
            *export.paused_until.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Instant::now() + PAUSE);
        }
    }
}

impl Export {
    fn is_paused(&self) -> bool {
        let until = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(context: TraceContext) -> SpanRecord {
        let at = chrono::DateTime::UNIX_EPOCH;
        SpanRecord {
            context,
            parent: None,
            name: "work".to_owned(),
            kind: SpanKind::Internal,
            started_at: at,
            ended_at: at,
            attributes: Vec::new(),
            is_error: false,
        }
    }

    fn tracer(endpoint: &str) -> Tracer {
        let timeout = Duration::from_millis(300);
        Tracer::new(Some(OtlpConfig { endpoint: endpoint.to_owned(), headers: "".into(), timeout }))
    }

    fn waiting(tracer: &Tracer) -> usize {
        tracer.0.as_ref().unwrap().spans.lock().unwrap().len()
    }

    #[test]
    fn without_an_endpoint_no_span_is_built() {
        Tracer::default().record(root(), || unreachable!("nobody exports it"));
    }

    #[test]
    fn spans_of_a_trace_that_is_not_sampled_are_not_built() {
        let unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0c1902b7-00".parse().unwrap();
        tracer("http://127.0.0.1:1").record(unsampled, || unreachable!("its caller does not record it"));
    }

    #[test]
    fn waiting_spans_are_bounded() {
        let tracer = tracer("http://127.0.0.1:1");
        (0..=MAX_SPANS).for_each(|_| tracer.record(root(), || span(root())));
        assert_eq!(waiting(&tracer), MAX_SPANS);
    }

    #[tokio::test]
    async fn dead_collector_is_left_alone_for_a_minute() {
        let tracer = tracer("http://127.0.0.1:1");
        tracer.record(root(), || span(root()));
        tracer.flush().await;
        assert!(tracer.0.as_ref().unwrap().is_paused());
        tracer.record(root(), || span(root()));
        tracer.flush().await;
        assert_eq!(waiting(&tracer), 0, "spans of the pause are lost");
    }

    #[tokio::test]
    async fn origin_is_known_within_the_request_only() {
        let origin = RequestOrigin { trace: root(), request_id: Some("r-1".to_owned()) };
        assert_eq!(within(origin.clone(), async { current() }).await, Some(origin));
        assert_eq!(current(), None);
    }
}
