//! Configuration that all AWS clients share: region, endpoint, credentials, timeouts, HTTP.

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

/// The timeout for opening a connection, TLS included. Shorter than for other vendors, because AWS
/// is in the same region.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The HTTP client for AWS cannot be built.
#[derive(Debug, Error)]
#[error("the HTTP client for AWS: {0}")]
pub struct AwsSetupError(#[from] reqwest::Error);

/// The region and endpoint of AWS.
#[derive(Debug, Clone)]
pub struct AwsConfig {
    /// The region, such as `eu-central-1`.
    pub region: String,
    /// The endpoint of an emulator, in place of AWS's own.
    pub endpoint_url: Option<String>,
}

impl AwsConfig {
    /// The configuration to build clients from. Credentials come from `AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, which Lambda sets. Profiles and instance
    /// metadata are not searched.
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
