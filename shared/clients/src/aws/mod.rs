//! What all AWS clients share: region, address, credentials, time-outs, HTTP.

mod http;

use std::time::Duration;

pub use aws_config::SdkConfig;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::SharedCredentialsProvider;
use thiserror::Error;

use self::http::Connector;
use crate::http::builder;
use crate::tls::client_config;

/// The longest wait for a connection, TLS included: less than for other vendors, for AWS is next door.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The client for AWS cannot be made.
#[derive(Debug, Error)]
#[error("the HTTP client for AWS: {0}")]
pub struct AwsSetupError(#[from] reqwest::Error);

/// Where AWS is.
#[derive(Debug, Clone)]
pub struct AwsConfig {
    /// The region's name, for example `eu-central-1`.
    pub region: String,
    /// An address in place of AWS's own, for an emulator.
    pub endpoint_url: Option<String>,
}

impl AwsConfig {
    /// The configuration to build clients from. Credentials come from `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and
    /// `AWS_SESSION_TOKEN`, where Lambda puts them; profiles and instance metadata are not searched.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn load(&self) -> Result<SdkConfig, AwsSetupError> {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(Duration::from_secs(4))
            .operation_timeout(Duration::from_secs(10))
            .build();
        let client = builder(client_config()).connect_timeout(CONNECT_TIMEOUT).build()?;
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(
                EnvironmentVariableCredentialsProvider::new(),
            ))
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(100)))
            .timeout_config(timeouts)
            .http_client(Connector(client));
        config.set_endpoint_url(self.endpoint_url.clone());
        Ok(config.build())
    }
}
