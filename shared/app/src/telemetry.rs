//! Logs: one JSON object a line, to standard output, where Lambda collects them.

use tracing::{Instrument, Span, info_span};
use tracing_subscriber::EnvFilter;

/// Sends logs to standard output, filtered by `RUST_LOG` (default `info`), and chooses the cryptography for TLS. To be
/// called once, first.
///
/// The span it answers names the function; what runs [`Instrument`]ed with it logs under that name.
pub fn init(service: &'static str) -> Span {
    let chosen = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // Below this the runtime logs whole events: passwords, codes and tokens.
    let quiet = ["lambda_runtime=info", "lambda_http=info"].into_iter().filter_map(|text| text.parse().ok());
    let filter = quiet.fold(chosen, EnvFilter::add_directive);
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        .with_env_filter(filter)
        .init();
    // An error means that another is chosen already, which is as well.
    drop(rustls::crypto::ring::default_provider().install_default());
    info_span!("function", service)
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
