//! Google Gemini over its `v1beta` REST interface.
//!
//! One call, `POST {base_url}/v1beta/models/{model}:generateContent`, asked once: waiting and trying again belong to
//! whoever calls, with the help of [`GenerateError::is_passing`] and [`GenerateError::retry_delay`].
//! The key travels in the header `x-goog-api-key` and nowhere else; text of a person or of the model is in no error,
//! no log and no `Debug`.

mod error;
mod prompt;
mod refusal;
#[cfg(test)]
mod tests;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

pub use self::error::GenerateError;
pub use self::prompt::{Answer, FinishReason, Prompt, Role, Turn};

/// The header that carries the key.
const API_KEY_HEADER: &str = "x-goog-api-key";

/// The most that is read of one answer, in bytes. The longest answer of a model is far below 1 MiB.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// How often a connection is asked whether it is alive while an answer is awaited, and how long it may take to say so.
const PROBE_INTERVAL: Duration = Duration::from_secs(10);
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// A model that answers a conversation.
#[async_trait]
pub trait LanguageModel: Send + Sync {
    /// Asks the model once for the next turn of the conversation.
    ///
    /// # Errors
    /// A [`GenerateError`] for every way in which no answer came about.
    async fn generate(&self, prompt: &Prompt) -> Result<Answer, GenerateError>;

    /// Sees whether the service answers and knows `model`. Nothing is generated, and no quota is used.
    ///
    /// # Errors
    /// As [`Self::generate`].
    async fn ping(&self, model: &str) -> Result<(), GenerateError>;
}

/// Where Gemini is and how to speak to it.
pub struct GeminiConfig {
    /// Scheme and host, such as `https://generativelanguage.googleapis.com`, without `/v1beta`.
    pub base_url: String,
    /// The key of the Google project. Must not be blank.
    pub api_key: SecretString,
    /// The longest a whole call may take, from connecting to the last byte.
    pub timeout: Duration,
}

/// The client cannot be built from its configuration.
#[derive(Debug, Error)]
pub enum GeminiSetupError {
    /// The base URL is not one of `http` or `https` with a host.
    #[error("the base URL of Gemini is not an http or https address")]
    BaseUrl,
    /// The key is blank or has characters that no header can carry.
    #[error("the key of Gemini is empty or not usable as a header")]
    ApiKey,
    /// The HTTP client refused its settings.
    #[error("the HTTP client for Gemini cannot be built")]
    Client(#[source] reqwest::Error),
}

/// The client for Gemini. Cloning shares the connections.
#[derive(Clone)]
pub struct Gemini {
    http: Client,
    base_url: Url,
    api_key: HeaderValue,
}

impl Gemini {
    /// Builds the client. Nothing is connected yet.
    ///
    /// # Errors
    /// When the base URL, the key or the HTTP client's settings are not usable.
    pub fn new(config: GeminiConfig) -> Result<Self, GeminiSetupError> {
        let GeminiConfig { base_url, api_key, timeout } = config;
        let base_url = Url::parse(&base_url).map_err(|_| GeminiSetupError::BaseUrl)?;
        if !matches!(base_url.scheme(), "http" | "https") || !base_url.has_host() {
            return Err(GeminiSetupError::BaseUrl);
        }
        let http = http_client(timeout).map_err(GeminiSetupError::Client)?;
        Ok(Self { http, base_url, api_key: key_header(&api_key)? })
    }

    /// The address of `resource` below `/v1beta/models/`, where `model` is the model that an error names.
    fn endpoint(&self, model: &str, resource: &str) -> Result<Url, GenerateError> {
        let mut url = self.base_url.clone();
        // As one segment each, so that no model name can reach another path or a query.
        url.path_segments_mut()
            .map_err(|()| GenerateError::model_absent(model))?
            .pop_if_empty()
            .extend(["v1beta", "models", resource]);
        Ok(url)
    }
}

#[async_trait]
impl LanguageModel for Gemini {
    async fn generate(&self, prompt: &Prompt) -> Result<Answer, GenerateError> {
        let response = self
            .http
            .post(self.endpoint(&prompt.model, &format!("{}:generateContent", prompt.model))?)
            .header(API_KEY_HEADER, self.api_key.clone())
            .json(&wire::Request::new(prompt))
            .send()
            .await
            .map_err(GenerateError::from_transport)?;

        let status = response.status();
        if status.is_success() {
            return wire::decode(&read_body(response).await?, &prompt.model);
        }
        Err(refused(response, &prompt.model).await)
    }

    async fn ping(&self, model: &str) -> Result<(), GenerateError> {
        let request =
            self.http.get(self.endpoint(model, model)?).header(API_KEY_HEADER, self.api_key.clone());
        let response = request.send().await.map_err(GenerateError::from_transport)?;
        if response.status().is_success() { Ok(()) } else { Err(refused(response, model).await) }
    }
}

/// What a response that is no success comes to.
async fn refused(response: Response, model: &str) -> GenerateError {
    let (status, retry_after) = (response.status().as_u16(), retry_after(response.headers()));
    // The status alone says enough: an error whose body is cut short, huge or slow is still that error.
    let body = read_body(response).await.unwrap_or_default();
    refusal::classify(status, retry_after, &body, model)
}

impl std::fmt::Debug for Gemini {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gemini").field("host", &self.base_url.host_str()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for GeminiConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GeminiConfig").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

fn http_client(timeout: Duration) -> reqwest::Result<Client> {
    crate::http::builder(crate::tls::client_config())
        .timeout(timeout)
        // A connection that is dead while an answer is waited for is noticed by probes, or by bytes that nobody
        // acknowledges, long before the call's own time-out.
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

/// `Retry-After` in seconds; its other form, a date, is not used by Google.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

async fn read_body(mut response: Response) -> Result<Vec<u8>, GenerateError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(GenerateError::from_transport)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(GenerateError::Garbage { what: "larger than an answer can be" });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
