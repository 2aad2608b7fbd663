//! CloudFormation: the status of a stack.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use chrono::{DateTime, Utc};
use http::header::CONTENT_TYPE;
use reqwest::{Client, Url};
use thiserror::Error;

use crate::http::builder;
use crate::tls::client_config;

/// Timeout of a call.
const TIMEOUT: Duration = Duration::from_secs(3);

const FORM: &str = "application/x-www-form-urlencoded";

/// The status of a stack cannot be read.
#[derive(Debug, Error)]
#[error("CloudFormation DescribeStacks: {0}")]
pub struct CloudFormationError(String);

impl CloudFormationError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// The status of a stack, such as `UPDATE_IN_PROGRESS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackStatus(String);

impl StackStatus {
    /// The name in CloudFormation.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether CloudFormation restores the state before a failed deployment.
    #[must_use]
    pub fn is_rollback(&self) -> bool {
        self.0.contains("ROLLBACK")
    }
}

/// Finds the status of the stack with this name or id. `now` is part of the signature.
///
/// It is the only action of CloudFormation that the project calls, so it is signed here instead of by
/// the SDK's client for the whole service.
pub async fn find_stack_status(
    config: &SdkConfig,
    stack: &str,
    now: DateTime<Utc>,
) -> Result<StackStatus, CloudFormationError> {
    let request = signed_request(config, stack, now).await?;
    let client: Client =
        builder(client_config()).timeout(TIMEOUT).build().map_err(CloudFormationError::new)?;
    let response = client.execute(request).await.map_err(CloudFormationError::new)?;
    let status = response.status();
    let body = response.text().await.map_err(CloudFormationError::new)?;
    if !status.is_success() {
        let code = element(&body, "Code").unwrap_or("no error code");
        return Err(CloudFormationError(format!("{status}: {code}")));
    }
    let status = element(&body, "StackStatus");
    status.map(|status| StackStatus(status.to_owned())).ok_or_else(|| CloudFormationError::new("no status"))
}

async fn signed_request(
    config: &SdkConfig,
    stack: &str,
    now: DateTime<Utc>,
) -> Result<reqwest::Request, CloudFormationError> {
    let missing = |what: &str| CloudFormationError(format!("no {what} is configured"));
    let region = config.region().ok_or_else(|| missing("region"))?.as_ref();
    let provider = config.credentials_provider().ok_or_else(|| missing("key"))?;
    let identity = provider.provide_credentials().await.map_err(CloudFormationError::new)?.into();
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let aws_url = format!("https://cloudformation.{region}.{domain}/");
    let parameters = [("Action", "DescribeStacks"), ("Version", "2010-05-15"), ("StackName", stack)];
    let url = config.endpoint_url().unwrap_or(&aws_url);
    let form = Url::parse_with_params(url, parameters).map_err(CloudFormationError::new)?;
    let body = form.query().unwrap_or_default().to_owned();
    let signing = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("cloudformation")
        .time(now.into())
        .settings(SigningSettings::default())
        .build()
        .map_err(CloudFormationError::new)?
        .into();
    let headers = [(CONTENT_TYPE.as_str(), FORM)].into_iter();
    let signable = SignableRequest::new("POST", url, headers, SignableBody::Bytes(body.as_bytes()));
    let (instructions, _) = sign(signable.map_err(CloudFormationError::new)?, &signing)
        .map_err(CloudFormationError::new)?
        .into_parts();
    let mut request = http::Request::post(url)
        .header(CONTENT_TYPE, FORM)
        .body(body.clone())
        .map_err(CloudFormationError::new)?;
    instructions.apply_to_request_http1x(&mut request);
    request.try_into().map_err(CloudFormationError::new)
}

/// The text of the first `element`. Neither a status nor an error code has characters to unescape.
fn element<'a>(xml: &'a str, element: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{element}>"))?;
    rest.split_once(&format!("</{element}>")).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use wiremock::matchers::{body_string_contains, header_regex};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::aws::AwsConfig;

    const STACK: &str = "arn:aws:cloudformation:eu-central-1:123456789012:stack/chat/018f";

    async fn status(response: ResponseTemplate) -> Result<StackStatus, CloudFormationError> {
        let server = MockServer::start().await;
        let signed = "^AWS4-HMAC-SHA256 Credential=AKIA/[0-9]{8}/eu-central-1/cloudformation/aws4_request, \
            SignedHeaders=content-type;host;x-amz-date, Signature=[0-9a-f]{64}$";
        Mock::given(header_regex("authorization", signed))
            .and(body_string_contains("Action=DescribeStacks&Version=2010-05-15&StackName=arn%3Aaws%3A"))
            .respond_with(response)
            .expect(1)
            .mount(&server)
            .await;
        let config = AwsConfig { region: "eu-central-1".to_owned(), endpoint_url: Some(server.uri()) };
        let key = Credentials::from_keys("AKIA", "secret", None);
        let config = config.load().unwrap().into_builder();
        let config = config.credentials_provider(SharedCredentialsProvider::new(key)).build();
        find_stack_status(&config, STACK, DateTime::UNIX_EPOCH).await
    }

    #[tokio::test]
    async fn rollback_is_told_from_a_deployment() {
        for (name, is_rollback) in [
            ("CREATE_IN_PROGRESS", false),
            ("UPDATE_IN_PROGRESS", false),
            ("ROLLBACK_IN_PROGRESS", true),
            ("UPDATE_ROLLBACK_IN_PROGRESS", true),
        ] {
            let body = format!("<Stacks><member><StackStatus>{name}</StackStatus></member></Stacks>");
            let found = status(ResponseTemplate::new(200).set_body_string(body)).await.unwrap();
            assert_eq!((found.as_str(), found.is_rollback()), (name, is_rollback));
        }
    }

    #[tokio::test]
    async fn refusal_is_an_error_with_its_code() {
        let body = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>";
        let refused = status(ResponseTemplate::new(403).set_body_string(body)).await.unwrap_err();
        assert_eq!(refused.to_string(), "CloudFormation DescribeStacks: 403 Forbidden: AccessDenied");
        assert!(status(ResponseTemplate::new(200).set_body_string("<html>")).await.is_err());
    }
}
