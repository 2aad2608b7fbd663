//! Exports spans to an OpenTelemetry collector: OTLP over HTTP, as JSON.
//!
//! Source: <https://opentelemetry.io/docs/specs/otlp/#otlphttp>.

use std::sync::OnceLock;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::TraceContext;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use thiserror::Error;

use crate::tls;

/// The role of a span in its trace, by OTLP's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Work within a function.
    Internal = 1,
    /// A request that a function answers.
    Server = 2,
    /// A call to another service.
    Client = 3,
    /// A job from a queue.
    Consumer = 5,
}

/// A finished operation. Its attributes hold ids, numbers and names, never text of a user.
#[derive(Debug, Clone)]
pub struct SpanRecord {
    /// The operation in its trace.
    pub context: TraceContext,
    /// The operation that caused it.
    pub parent: Option<TraceContext>,
    /// What it did, with few different values.
    pub name: String,
    /// Its role.
    pub kind: SpanKind,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// Names and values. A value that is `None` is left out.
    pub attributes: Vec<(&'static str, Option<String>)>,
    /// Whether it failed.
    pub is_error: bool,
}

/// The spans could not be exported.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The address is not an `http` or `https` URL, or a header cannot be sent.
    #[error("the address or the headers of the OTLP endpoint are invalid")]
    Setup,
    /// The collector did not respond in time.
    #[error("the OTLP endpoint did not respond")]
    Transport(#[source] reqwest::Error),
    /// The collector refused the spans.
    #[error("the OTLP endpoint answered {0}")]
    Refused(u16),
}

/// The address of a collector.
#[derive(Debug, Clone)]
pub struct OtlpConfig {
    /// The base URL, such as `https://collector.example:4318`. The path `/v1/traces` is added.
    pub endpoint: String,
    /// Headers as `name=value`, separated by commas.
    pub headers: SecretString,
    /// The timeout of an export, from connecting to the response.
    pub timeout: Duration,
}

/// Sends spans of the function `service`. Builds its HTTP client with the first export, so that a cold
/// start does not pay for it.
pub struct OtlpExporter {
    config: OtlpConfig,
    service: &'static str,
    client: OnceLock<Option<(Client, Url)>>,
}

impl OtlpExporter {
    /// An exporter for the function `service`.
    #[must_use]
    pub fn new(config: OtlpConfig, service: &'static str) -> Self {
        Self { config, service, client: OnceLock::new() }
    }

    /// Sends `spans` in one request. It takes no longer than the configured timeout.
    ///
    /// # Errors
    /// The collector is not reachable, or refuses the spans: they are lost.
    pub async fn export(&self, spans: &[SpanRecord]) -> Result<(), ExportError> {
        let (client, url) =
            self.client.get_or_init(|| connect(&self.config)).as_ref().ok_or(ExportError::Setup)?;
        let response = client.post(url.clone()).json(&body(self.service, spans)).send().await;
        let status = response.map_err(|error| ExportError::Transport(error.without_url()))?.status();
        if status.is_success() { Ok(()) } else { Err(ExportError::Refused(status.as_u16())) }
    }
}

fn connect(config: &OtlpConfig) -> Option<(Client, Url)> {
    let url = Url::parse(&format!("{}/v1/traces", config.endpoint.trim_end_matches('/'))).ok()?;
    let client = crate::http::builder(tls::client_config())
        .default_headers(headers(config.headers.expose_secret())?)
        .timeout(config.timeout)
        .build();
    Some((client.ok()?, url))
}

fn headers(text: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let mut value = HeaderValue::from_str(value.trim()).ok()?;
        value.set_sensitive(true);
        headers.insert(HeaderName::try_from(name.trim()).ok()?, value);
    }
    Some(headers)
}

fn body(service: &str, spans: &[SpanRecord]) -> Value {
    let attribute = |name: &str, value: &str| json!({ "key": name, "value": { "stringValue": value } });
    let spans: Vec<Value> = spans
        .iter()
        .map(|span| {
            let attributes = span.attributes.iter();
            let attributes = attributes.filter_map(|(name, value)| Some(attribute(name, value.as_deref()?)));
            json!({
                "traceId": span.context.trace_id(),
                "spanId": span.context.span_id(),
                "parentSpanId": span.parent.map(TraceContext::span_id).unwrap_or_default(),
                "name": span.name,
                "kind": span.kind as u8,
                "startTimeUnixNano": nanoseconds(span.started_at),
                "endTimeUnixNano": nanoseconds(span.ended_at),
                "attributes": attributes.collect::<Vec<_>>(),
                "status": { "code": if span.is_error { 2 } else { 0 } },
            })
        })
        .collect();
    json!({ "resourceSpans": [{
        "resource": { "attributes": [attribute("service.name", service)] },
        "scopeSpans": [{ "scope": { "name": "chat" }, "spans": spans }],
    }] })
}

fn nanoseconds(time: DateTime<Utc>) -> String {
    time.timestamp_nanos_opt().unwrap_or_default().to_string()
}

impl std::fmt::Debug for OtlpExporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OtlpExporter").field("service", &self.service).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    fn exporter(endpoint: String) -> OtlpExporter {
        let headers = "authorization=Basic abc=, x-scope=chat".into();
        let config = OtlpConfig { endpoint, headers, timeout: Duration::from_millis(200) };
        OtlpExporter::new(config, "worker")
    }

    fn span() -> SpanRecord {
        let parent = TraceContext::root(0xabc, 1);
        let at = DateTime::from_timestamp_millis(1_790_000_000_001).unwrap();
        SpanRecord {
            context: parent.child(2),
            parent: Some(parent),
            name: "answer message".to_owned(),
            kind: SpanKind::Consumer,
            started_at: at,
            ended_at: at + Duration::from_millis(5),
            attributes: vec![("message.id", Some("m".to_owned())), ("error.type", None)],
            is_error: true,
        }
    }

    #[tokio::test]
    async fn spans_are_sent_in_the_format_of_otlp() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/v1/traces"))
            .and(header("authorization", "Basic abc="))
            .and(header("x-scope", "chat"))
            .respond_with(ResponseTemplate::new(200))
            .mount(&server)
            .await;
        exporter(format!("{}/", server.uri())).export(&[span()]).await.unwrap();
        let request = &server.received_requests().await.unwrap()[0];
        let body: Value = request.body_json().unwrap();
        let resource = &body["resourceSpans"][0];
        assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "worker");
        assert_eq!(
            resource["scopeSpans"][0]["spans"][0],
            json!({
                "traceId": "00000000000000000000000000000abc", "spanId": "0000000000000002",
                "parentSpanId": "0000000000000001", "name": "answer message", "kind": 5,
                "startTimeUnixNano": "1790000000001000000", "endTimeUnixNano": "1790000000006000000",
                "attributes": [{ "key": "message.id", "value": { "stringValue": "m" } }],
                "status": { "code": 2 },
            })
        );
    }

    #[tokio::test]
    async fn silent_collector_is_given_up_after_the_timeout() {
        let server = MockServer::start().await;
        let silent = ResponseTemplate::new(200).set_delay(Duration::from_mins(1));
        Mock::given(method("POST")).respond_with(silent).mount(&server).await;
        let started = std::time::Instant::now();
        let exported = exporter(server.uri()).export(&[span()]).await;
        assert!(matches!(exported, Err(ExportError::Transport(_))), "{exported:?}");
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn refusals_and_invalid_addresses_are_errors() {
        let server = MockServer::start().await;
        let exported = exporter(server.uri()).export(&[span()]).await;
        assert!(matches!(exported, Err(ExportError::Refused(404))), "{exported:?}");
        let exported = exporter("no address".to_owned()).export(&[span()]).await;
        assert!(matches!(exported, Err(ExportError::Setup)), "{exported:?}");
    }
}
