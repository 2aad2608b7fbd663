//! Google Gemini over its `v1beta` REST API.
//!
//! The client makes one call, `POST {base_url}/v1beta/models/{model}:streamGenerateContent?alt=sse`,
//! and does not retry. The caller retries, by [`GenerateError::is_transient`] and
//! [`GenerateError::retry_delay`]. The key is sent in the header `x-goog-api-key` and nowhere else.
//! No error, log or `Debug` output contains text of a user or of the model.

mod answer;
mod assembly;
mod error;
mod error_body;
mod events;
mod lenient;
mod observer;
mod prompt;
mod request;
mod safety;
mod sanitise;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::TraceContext;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

pub use domain::message::FinishReason;

pub use self::answer::{Answer, TokenUsage};
pub use self::error::{BillingProblem, GenerateError};
pub use self::observer::Observer;
pub use self::prompt::{MAX_OUTPUT_TOKENS, Prompt, Role, ThinkingLevel, Turn};
pub use self::safety::{SafetySetting, SafetySettingError};

/// The header of the API key.
const API_KEY_HEADER: &str = "x-goog-api-key";
/// The header of the W3C trace context. Google's front ends know it, and a gateway before Gemini can join
/// the trace by it.
const TRACEPARENT: &str = "traceparent";

/// The most that is read of an error, in bytes.
const MAX_ERROR: usize = 1024 * 1024;

/// The interval of TCP keepalive probes while a response is awaited.
const PROBE_INTERVAL: Duration = Duration::from_secs(10);
/// The timeout of a keepalive probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// A language model that writes the next turn of a chat.
#[async_trait]
pub trait LanguageModel: Send + Sync {
    /// Calls the model once for the next turn of the chat. After `time_limit` the answer ends with
    /// the text that has arrived and [`FinishReason::MaxTime`], or with [`GenerateError::Timeout`] if
    /// there is none. When `observer` stops the call, it ends with [`FinishReason::Cancelled`] or
    /// with [`GenerateError::Stopped`].
    async fn generate(
        &self,
        prompt: &Prompt,
        time_limit: Duration,
        observer: &Observer<'_>,
    ) -> Result<Answer, GenerateError>;

    /// Checks that the service responds and knows `model`. It generates nothing and uses no quota.
    async fn ping(&self, model: &str) -> Result<(), GenerateError>;
}

/// The address, key and timeouts of the client.
pub struct GeminiConfig {
    /// Scheme and host, such as `https://generativelanguage.googleapis.com`, without `/v1beta`.
    pub base_url: String,
    /// The key of the Google project. Must not be blank.
    pub api_key: SecretString,
    /// The timeout of the wait for the first piece of an answer, from connecting on.
    pub first_chunk_timeout: Duration,
    /// The timeout of each pause between two pieces of an answer.
    pub stall_timeout: Duration,
    /// The thresholds of Google's safety filters, one per category. Google's own default applies to
    /// the other categories.
    pub safety_settings: Vec<SafetySetting>,
}

/// The client cannot be built from its configuration.
#[derive(Debug, Error)]
pub enum GeminiSetupError {
    /// The base URL is not an `http` or `https` URL with a host.
    #[error("the base URL of Gemini is not an http or https address")]
    BaseUrl,
    /// The key is blank or has characters that a header cannot contain.
    #[error("the key of Gemini is empty or not usable as a header")]
    ApiKey,
    /// The HTTP client rejected its settings.
    #[error("the HTTP client for Gemini cannot be built")]
    Client(#[source] reqwest::Error),
}

/// How long the client waits.
#[derive(Debug, Clone, Copy)]
struct Timeouts {
    first_chunk: Duration,
    stall: Duration,
}

/// The client for Gemini. Cloning shares the connections.
#[derive(Clone)]
pub struct Gemini {
    http: Client,
    base_url: Url,
    api_key: HeaderValue,
    timeouts: Timeouts,
    safety_settings: Arc<[SafetySetting]>,
}

impl Gemini {
    /// Builds the client. Opens no connection.
    pub fn new(config: GeminiConfig) -> Result<Self, GeminiSetupError> {
        let GeminiConfig { base_url, api_key, first_chunk_timeout, stall_timeout, safety_settings } = config;
        let base_url = Url::parse(&base_url).map_err(|_| GeminiSetupError::BaseUrl)?;
        if !matches!(base_url.scheme(), "http" | "https") || !base_url.has_host() {
            return Err(GeminiSetupError::BaseUrl);
        }
        let http = http_client().map_err(GeminiSetupError::Client)?;
        let (api_key, safety_settings) = (key_header(&api_key)?, safety_settings.into());
        let timeouts = Timeouts { first_chunk: first_chunk_timeout, stall: stall_timeout };
        Ok(Self { http, base_url, api_key, timeouts, safety_settings })
    }

    /// Sends the prompt, and returns the response if it is a success. Its body is still to be read.
    async fn request(
        &self,
        prompt: &Prompt,
        trace: Option<TraceContext>,
        first_chunk_by: Instant,
        ends: Instant,
    ) -> Result<Response, GenerateError> {
        let mut url = self.endpoint(&prompt.model, &format!("{}:streamGenerateContent", prompt.model))?;
        url.set_query(Some("alt=sse"));
        let mut request = self.http.post(url).header(API_KEY_HEADER, self.api_key.clone());
        if let Some(trace) = trace {
            request = request.header(TRACEPARENT, trace.to_string());
        }
        let response = request.json(&request::Request::new(prompt, &self.safety_settings)).send();
        let response =
            timeout_at(first_chunk_by.min(ends), response).await.map_err(|_| GenerateError::Timeout)?;
        let response = response.map_err(GenerateError::from_transport)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let error = error_from(response, &prompt.model);
        timeout_at(ends, error).await.map_err(|_| GenerateError::Timeout).and_then(Err)
    }

    /// The URL of `resource` below `/v1beta/models/`. An error names `model`.
    fn endpoint(&self, model: &str, resource: &str) -> Result<Url, GenerateError> {
        let mut url = self.base_url.clone();
        // Each is one path segment, so that no model name can reach another path or a query.
        url.path_segments_mut()
            .map_err(|()| GenerateError::model_not_found(model))?
            .pop_if_empty()
            .extend(["v1beta", "models", resource]);
        Ok(url)
    }
}

#[async_trait]
impl LanguageModel for Gemini {
    async fn generate(
        &self,
        prompt: &Prompt,
        time_limit: Duration,
        observer: &Observer<'_>,
    ) -> Result<Answer, GenerateError> {
        let ends = Instant::now() + time_limit;
        let first_chunk_by = Instant::now() + self.timeouts.first_chunk;
        // Dropping the request closes its connection.
        let response = tokio::select! {
            () = observer.stopped() => return Err(GenerateError::Stopped { usage: TokenUsage::default() }),
            response = self.request(prompt, observer.trace(), first_chunk_by, ends) => response?,
        };
        let limits = stream::Limits { first_chunk_by, stall_timeout: self.timeouts.stall, ends };
        stream::read(response, limits, &prompt.model, observer).await
    }

    async fn ping(&self, model: &str) -> Result<(), GenerateError> {
        let request =
            self.http.get(self.endpoint(model, model)?).header(API_KEY_HEADER, self.api_key.clone());
        let request = request.timeout(self.timeouts.first_chunk);
        let response = request.send().await.map_err(GenerateError::from_transport)?;
        if response.status().is_success() { Ok(()) } else { Err(error_from(response, model).await) }
    }
}

/// The error of a response that is not a success.
async fn error_from(response: Response, model: &str) -> GenerateError {
    let (status, retry_after) = (response.status().as_u16(), retry_after(response.headers()));
    // The status alone identifies the error, so the body may be cut short, huge or slow.
    let body = read_error(response).await;
    error_body::classify(status, retry_after, &body, model)
}

impl std::fmt::Debug for Gemini {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gemini").field("host", &self.base_url.host_str()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for GeminiConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GeminiConfig").field("stall_timeout", &self.stall_timeout).finish_non_exhaustive()
    }
}

fn http_client() -> reqwest::Result<Client> {
    crate::http::builder(crate::tls::client_config())
        // Keepalive probes and unacknowledged bytes reveal a dead connection long before the call's
        // own timeout.
        .tcp_keepalive(PROBE_INTERVAL)
        .tcp_keepalive_interval(PROBE_INTERVAL)
        .tcp_user_timeout(PROBE_INTERVAL + PROBE_TIMEOUT)
        .build()
}

fn key_header(api_key: &SecretString) -> Result<HeaderValue, GeminiSetupError> {
    let key = api_key.expose_secret().trim();
    let mut header = HeaderValue::from_str(key).map_err(|_| GeminiSetupError::ApiKey)?;
    if header.is_empty() {
        return Err(GeminiSetupError::ApiKey);
    }
    header.set_sensitive(true);
    Ok(header)
}

/// `Retry-After` in seconds. Google does not use its other form, a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// The body of an error as far as it can be read.
async fn read_error(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        if body.len() + chunk.len() > MAX_ERROR {
            return Vec::new();
        }
        body.extend_from_slice(&chunk);
    }
    body
}
