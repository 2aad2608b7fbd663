//! The collector of spans. The variables are those of OpenTelemetry.

use std::time::Duration;

use clients::otlp::OtlpConfig;

use super::env::Env;
use super::variables::{OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_TIMEOUT};

/// Reads the collector, if one is configured.
pub(super) fn read(env: &mut Env<'_>) -> Option<OtlpConfig> {
    let timeout = Duration::from_millis(env.number(OTEL_EXPORTER_OTLP_TIMEOUT, 1));
    let headers = env.text(OTEL_EXPORTER_OTLP_HEADERS);
    if headers.split(',').any(|pair| !pair.trim().is_empty() && !pair.contains('=')) {
        env.problem(OTEL_EXPORTER_OTLP_HEADERS, "must be name=value, separated by commas");
    }
    let endpoint: Option<String> = env.parsed(OTEL_EXPORTER_OTLP_ENDPOINT, |text| {
        let host = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        match host {
            Some(host) if !host.is_empty() && !host.starts_with('/') => Ok(Some(text.to_owned())),
            _ => Err("must be an http or https address, such as https://collector.example:4318".to_owned()),
        }
    });
    endpoint.map(|endpoint| OtlpConfig { endpoint, headers: headers.into(), timeout })
}
