//! HTTP requests to the service. Those that are safe to repeat are sent again after a lost connection
//! or an error of the gateway, so that one lost packet does not undo a deployment.

use std::time::Duration;

use clients::tls;
use reqwest::header::{ACCEPT, HeaderMap};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tokio::time::sleep;

use super::failure::{Failure, Refusal};

/// Requests for one result.
const MAX_ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// Timeout for opening a connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The headers with the id of a request: the functions', then those of the two gateways.
const REQUEST_IDS: [&str; 3] = ["x-request-id", "apigw-requestid", "x-amzn-requestid"];

/// A client of the service.
#[derive(Debug, Clone)]
pub(super) struct Api {
    client: Client,
    base_url: String,
    token: Option<String>,
}

impl Api {
    pub(super) fn new(base_url: &str) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client_config())
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent("smoke-test")
            .build()?;
        Ok(Self { client, base_url: base_url.trim_end_matches('/').to_owned(), token: None })
    }

    /// The same client for the API at `base_url`.
    pub(super) fn with_base_url(&self, base_url: &str) -> Self {
        Self { base_url: base_url.trim_end_matches('/').to_owned(), ..self.clone() }
    }

    /// The same client with the token of `other`.
    pub(super) fn signed_in_as(&self, other: &Self) -> Self {
        Self { token: other.token.clone(), ..self.clone() }
    }

    /// Sends `token` with each request from now on.
    pub(super) fn sign_in(&mut self, token: String) {
        self.token = Some(token);
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        read(self.repeat(|| self.request(Method::GET, path)).await?).await
    }

    /// As [`Self::get`], once and for at most `limit`.
    pub(super) async fn get_within(&self, path: &str, limit: Duration) -> Result<Value, Failure> {
        read(self.send(self.request(Method::GET, path).timeout(limit)).await?).await
    }

    /// Posts `body`. `key` is the `Idempotency-Key`.
    pub(super) async fn post(&self, path: &str, body: &Value, key: &str) -> Result<Value, Failure> {
        let request = || self.request(Method::POST, path).header("idempotency-key", key).json(body);
        read(self.repeat(request).await?).await
    }

    /// Sends one request: a second deletion would be refused.
    pub(super) async fn delete(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        read(self.send(self.request(Method::DELETE, path).json(body)).await?).await
    }

    /// Opens a stream of events after the event `last`.
    pub(super) async fn open(&self, path: &str, last: Option<&str>) -> Result<Response, Failure> {
        let request = || {
            let request = self.request(Method::GET, path).header(ACCEPT, "text/event-stream");
            if let Some(id) = last { request.header("last-event-id", id) } else { request }
        };
        self.repeat(request).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base_url));
        if let Some(token) = &self.token { request.bearer_auth(token) } else { request }
    }

    async fn repeat(&self, request: impl Fn() -> RequestBuilder) -> Result<Response, Failure> {
        let mut attempt = 1;
        loop {
            match self.send(request()).await {
                Err(failure) if attempt < MAX_ATTEMPTS && is_transient(&failure) => {
                    attempt += 1;
                    sleep(PAUSE).await;
                }
                result => return result,
            }
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(no_response)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let id = request_id(response.headers());
        let body = response.text().await.unwrap_or_default();
        Err(Failure::Refused(Refusal::new(status, &body, id)))
    }
}

/// The JSON body of a response.
async fn read(response: Response) -> Result<Value, Failure> {
    let (status, id) = (response.status().as_u16(), request_id(response.headers()));
    let body = response.bytes().await.map_err(no_response)?;
    serde_json::from_slice(&body).map_err(|_| {
        let id = id.unwrap_or_else(|| "without an id".to_owned());
        Failure::Unexpected(format!("{status} with a body that is not JSON, request {id}"))
    })
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    let mut ids = REQUEST_IDS.iter().filter_map(|name| headers.get(*name)?.to_str().ok());
    ids.next().map(str::to_owned)
}

pub(super) fn no_response(error: reqwest::Error) -> Failure {
    let host = error.url().and_then(|url| url.host_str()).unwrap_or("the service").to_owned();
    Failure::NoResponse { host, cause: error.without_url() }
}

/// Whether the same request may succeed a moment later. 503 with a code is a decision of the service,
/// except that a dependency did not respond.
fn is_transient(failure: &Failure) -> bool {
    match failure {
        Failure::NoResponse { .. } => true,
        Failure::Refused(refusal) => match refusal.status {
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => true,
            // The gateway may not invoke the function yet.
            StatusCode::INTERNAL_SERVER_ERROR => refusal.code.is_none(),
            StatusCode::SERVICE_UNAVAILABLE => {
                refusal.code.as_deref().is_none_or(|code| code == "unavailable")
            }
            _ => false,
        },
        _ => false,
    }
}
