//! Requests over HTTP, to a service in other processes.

use std::time::Duration;

use anyhow::Result;
use api_client::{Request, Response};
use reqwest::Client;

const TIMEOUT: Duration = Duration::from_mins(1);

/// Sends `request` by `client` to the service at `base_url`.
pub async fn send_over_http(client: &Client, base_url: &str, request: &Request) -> Result<Response> {
    let mut http = client.request(request.method.parse()?, format!("{base_url}{}", request.path));
    for (name, value) in &request.headers {
        http = http.header(name, value.as_str().unwrap_or_default());
    }
    if let Some(body) = &request.body {
        http = http.body(body.clone());
    }
    let response = http.timeout(TIMEOUT).send().await?;
    Response::new(response.status(), response.headers().clone(), &response.bytes().await?)
}
