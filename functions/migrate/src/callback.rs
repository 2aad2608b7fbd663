//! Sends the response of a custom resource to CloudFormation.

use std::time::Duration;

use clients::tls;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use thiserror::Error;

/// CloudFormation did not accept the response. The message leaves the URL out: while it is valid,
/// it is a secret.
#[derive(Debug, Error)]
#[error("CloudFormation did not accept the response: {0}")]
pub(crate) struct CallbackError(#[source] reqwest::Error);

impl From<reqwest::Error> for CallbackError {
    fn from(error: reqwest::Error) -> Self {
        Self(error.without_url())
    }
}

/// Puts `body` as JSON to the presigned `url`, whose signature covers an empty content type.
pub(crate) async fn put_json(url: &str, body: &impl Serialize) -> Result<(), CallbackError> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::client_config())
        .no_proxy()
        .timeout(Duration::from_secs(20))
        .build()?;
    client
        .put(url)
        .header(CONTENT_TYPE, HeaderValue::from_static(""))
        .json(body)
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}
