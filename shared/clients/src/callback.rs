//! Telling CloudFormation how a custom resource fared.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use thiserror::Error;

use crate::tls;

/// The answer could not be delivered. The address, which is a secret while it lasts, is not in the message.
#[derive(Debug, Error)]
#[error("the callback could not be delivered: {0}")]
pub struct CallbackError(#[source] reqwest::Error);

impl From<reqwest::Error> for CallbackError {
    fn from(error: reqwest::Error) -> Self {
        Self(error.without_url())
    }
}

/// Puts `body` as JSON to the signed address `url`, whose signature covers an empty content type.
///
/// # Errors
/// When it is not taken.
pub async fn put_json(url: &str, body: &impl Serialize) -> Result<(), CallbackError> {
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
