//! Logs: one JSON object a line, to standard output, where Lambda collects them.

use tracing::{Instrument, Level, Metadata, Span, info_span};
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// The crates whose logs below `info` are written where `RUST_LOG` asks for them: our own. What others log there is all that
/// goes through them: events, statements with their parameters, headers, bodies, and in them passwords, codes, tokens and what
/// people wrote.
const OURS: [&str; 15] = [
    "app",
    "auth",
    "chatroom",
    "clients",
    "domain",
    "migrate",
    "queue",
    "site",
    "store",
    "subscription",
    "sweeper",
    "user",
    "web",
    "webhook",
    "worker",
];

/// Sends logs to standard output, filtered by `RUST_LOG` (default `info`), and chooses the cryptography for TLS. To be
/// called once, first.
///
/// The span it answers names the function; what runs [`Instrument`]ed with it logs under that name.
pub fn init(service: &'static str) -> Span {
    let chosen = std::env::var("RUST_LOG").ok().and_then(|chosen| chosen.parse().ok());
    let chosen: Targets = chosen.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let lines = fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(true);
    tracing_subscriber::registry().with(lines.with_filter(chosen.and(filter_fn(is_safe)))).init();
    // An error means that another is chosen already, which is as well.
    drop(rustls::crypto::ring::default_provider().install_default());
    info_span!("function", service)
}

fn is_safe(event: &Metadata<'_>) -> bool {
    *event.level() <= Level::INFO
        || event.target().split("::").next().is_some_and(|name| OURS.contains(&name))
}

/// Runs the future `main` of the function called `service` with logs set up.
pub async fn run<F: Future>(service: &'static str, main: F) -> F::Output {
    let span = init(service);
    main.instrument(span).await
}

/// An error and all that lies behind it, on one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
