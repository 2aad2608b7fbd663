//! Logs: one JSON object per line on standard output, which Lambda collects.

use std::sync::OnceLock;

use tracing::{Instrument, Level, Metadata, Span, info_span};
use tracing_subscriber::filter::{FilterExt as _, Targets, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::variables::RUST_LOG;

/// The crates of this workspace that run in a function. Only these may log below `info`, where
/// `RUST_LOG` asks for it. At those levels dependencies log all their data: events, SQL parameters,
/// headers and bodies, and with them passwords, codes, tokens and message text.
const WORKSPACE_CRATES: [&str; 17] = [
    "app",
    "auth",
    "chatroom",
    "clients",
    "domain",
    "migrate",
    "queue",
    "services",
    "site",
    "store",
    "stream",
    "subscription",
    "sweeper",
    "user",
    "web",
    "webhook",
    "worker",
];

/// The name of the function.
static SERVICE: OnceLock<&str> = OnceLock::new();

/// The name of the function, for its spans.
pub(crate) fn service() -> &'static str {
    SERVICE.get().copied().unwrap_or("unknown")
}

/// Sends logs to standard output, filtered by `RUST_LOG`, and selects the cryptography for TLS.
/// Call it once, before anything else.
///
/// Returns a span that names the function. Code that runs [`Instrument`]ed with the span logs under
/// that name.
pub fn init(service: &'static str) -> Span {
    let filter = std::env::var(RUST_LOG.name).ok().and_then(|filter| filter.parse().ok());
    let default = || RUST_LOG.default.and_then(|filter| filter.parse().ok());
    let filter: Targets = filter.or_else(default).unwrap_or_default();
    let lines = fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(true);
    tracing_subscriber::registry().with(lines.with_filter(filter.and(filter_fn(is_safe)))).init();
    // An error means that a provider is installed already.
    drop(rustls::crypto::ring::default_provider().install_default());
    info_span!("function", service = *SERVICE.get_or_init(|| service))
}

fn is_safe(event: &Metadata<'_>) -> bool {
    *event.level() <= Level::INFO
        || event.target().split("::").next().is_some_and(|name| WORKSPACE_CRATES.contains(&name))
}

/// Runs `main` of the function `service` with logs set up.
pub async fn run<F: Future>(service: &'static str, main: F) -> F::Output {
    let span = init(service);
    main.instrument(span).await
}

/// The error and its sources, on one line.
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// The names of the crates in the folder `members` of the workspace.
    fn crate_names(members: &str) -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(members);
        let manifests = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().join("Cargo.toml"));
        let name = |manifest: String| {
            let line = manifest.lines().find_map(|line| line.strip_prefix("name = ")).unwrap();
            line.trim_matches('"').replace('-', "_")
        };
        manifests.filter_map(|path| fs::read_to_string(path).ok()).map(name).collect()
    }

    #[test]
    fn logs_of_every_crate_of_the_workspace_pass_the_filter() {
        let mut expected: BTreeSet<String> =
            ["functions", "shared"].into_iter().flat_map(crate_names).collect();
        assert!(expected.remove("testkit"), "no function contains testkit");
        assert_eq!(BTreeSet::from(WORKSPACE_CRATES.map(str::to_owned)), expected);
    }
}
