//! Implements async-stripe's client trait with the HTTP client that all vendors share.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use stripe_client_core::{CustomizedStripeRequest, StripeClient, StripeMethod, VERSION};
use tracing::info;

use super::error::{StripeError, StripeSetupError};
use crate::tls;

/// The timeout of one attempt, from connecting to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The most that is read of one response, in bytes: a hundred subscriptions are some 500 KB.
const MAX_BODY: usize = 4 * 1024 * 1024;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("stripe-should-retry");
const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");

#[derive(Clone)]
pub(super) struct Http {
    client: Client,
    base_url: Url,
}

impl Http {
    pub(super) fn new(base_url: &str, secret_key: &SecretString) -> Result<Self, StripeSetupError> {
        let base_url = Url::parse(base_url).map_err(|_| StripeSetupError::BaseUrl)?;
        if !matches!(base_url.scheme(), "http" | "https") || !base_url.has_host() {
            return Err(StripeSetupError::BaseUrl);
        }
        let client = crate::http::builder(tls::client_config())
            .default_headers(headers(secret_key)?)
            // Over HTTP/1.1 a request that timed out closes its connection, and the retry opens
            // another.
            .http1_only()
            .timeout(TIMEOUT)
            .build()
            .map_err(StripeSetupError::Client)?;
        Ok(Self { client, base_url })
    }

    /// Where the API is.
    pub(super) fn origin(&self) -> String {
        self.base_url.origin().ascii_serialization()
    }
}

fn headers(secret_key: &SecretString) -> Result<HeaderMap, StripeSetupError> {
    let key = secret_key.expose_secret().trim();
    if key.is_empty() {
        return Err(StripeSetupError::SecretKey);
    }
    let mut authorization =
        HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| StripeSetupError::SecretKey)?;
    authorization.set_sensitive(true);
    let version = HeaderValue::try_from(VERSION.as_str()).map_err(|_| StripeSetupError::SecretKey)?;
    Ok(HeaderMap::from_iter([(AUTHORIZATION, authorization), (STRIPE_VERSION, version)]))
}

impl StripeClient for Http {
    type Err = StripeError;

    async fn execute(&self, request: CustomizedStripeRequest) -> Result<Bytes, StripeError> {
        let (request, options) = request.into_pieces();
        let method = match request.method {
            StripeMethod::Get => Method::GET,
            StripeMethod::Post => Method::POST,
            StripeMethod::Delete => Method::DELETE,
        };
        // Without the ids of customers behind it.
        let resource = request.path.split('/').nth(1).unwrap_or_default().to_owned();
        let mut url = self.base_url.clone();
        url.set_path(&format!("/v1{}", request.path));
        url.set_query(request.query.as_deref());
        let mut call = self.client.request(method, url);
        if let Some(key) = options.request_strategy.and_then(|strategy| strategy.get_key()) {
            call = call.header(IDEMPOTENCY_KEY, key.as_str());
        }
        if let Some(body) = request.body {
            call = call.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        }
        let transport = |error: reqwest::Error| StripeError::Transport(error.without_url());
        let response = call.send().await.map_err(transport)?;
        let status = response.status();
        let text = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let request_id = text(REQUEST_ID);
        info!(resource, status = status.as_u16(), stripe.request_id = request_id, "Stripe has responded");
        if status.is_success() {
            return read(response).await;
        }
        let should_retry = text(SHOULD_RETRY).and_then(|value| value.parse().ok());
        let body = read(response).await.unwrap_or_default();
        let error = StripeError::refused(status.as_u16(), should_retry, &String::from_utf8_lossy(&body));
        Err(error.with_request_id(request_id.as_deref()))
    }
}

async fn read(mut response: Response) -> Result<Bytes, StripeError> {
    let mut body = BytesMut::new();
    while let Some(chunk) =
        response.chunk().await.map_err(|error| StripeError::Transport(error.without_url()))?
    {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(StripeError::InvalidResponse(format!("it is larger than {MAX_BODY} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("host", &self.base_url.host_str()).finish_non_exhaustive()
    }
}
