//! Sends the AWS SDK's requests through the HTTP client that all vendors share.
//!
//! The SDK's own client would add a second HTTP stack with HTTP/2, and would read the system's
//! certificates at each cold start.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use reqwest::{Client, Request};

/// The SDK's connector. The SDK enforces its own timeouts around it; the client enforces the
/// connect timeout.
#[derive(Debug, Clone)]
pub(super) struct Connector(pub(super) Client);

impl HttpClient for Connector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let response = client.execute(to_reqwest(request)?).await.map_err(retryable)?;
            let (status, headers) = (response.status(), response.headers().clone());
            let body = SdkBody::from(response.bytes().await.map_err(retryable)?);
            let mut response = http::Response::new(body);
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            HttpResponse::try_from(response).map_err(not_retryable)
        })
    }
}

fn to_reqwest(request: HttpRequest) -> Result<Request, ConnectorError> {
    let request = request.try_into_http1x().map_err(not_retryable)?;
    let (parts, body) = request.into_parts();
    let body = body.bytes().map(Bytes::copy_from_slice);
    let body =
        body.ok_or_else(|| ConnectorError::user("streaming request bodies are not supported".into()))?;
    Request::try_from(http::Request::from_parts(parts, body)).map_err(not_retryable)
}

fn not_retryable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectorError {
    ConnectorError::user(error.into())
}

/// An error after which the SDK retries: the request or its response was lost.
fn retryable(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
}

#[cfg(test)]
mod tests {
    use aws_config::retry::RetryConfig;
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use chrono::DateTime;
    use domain::{ChatroomId, GenerationId, RequestOrigin};
    use serde_json::{Value, json};
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use wiremock::matchers::{body_partial_json, header, header_exists};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use crate::aws::AwsConfig;
    use crate::queue::{JobQueue as _, SqsQueue};

    const QUEUE: &str = "https://sqs.example/1/messages.fifo";

    /// A queue of the SQS at `address`, with at most two attempts.
    fn queue_at(address: &str) -> SqsQueue {
        let config = AwsConfig { region: "eu-central-1".to_owned(), endpoint_url: Some(address.to_owned()) };
        let key = Credentials::from_keys("AKIA", "secret", None);
        let retries =
            RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(1));
        let config = config.load().unwrap().into_builder();
        let config = config.credentials_provider(SharedCredentialsProvider::new(key)).retry_config(retries);
        SqsQueue::new(&config.build(), QUEUE)
    }

    async fn send(queue: &SqsQueue) -> bool {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        queue.send_job(ChatroomId::new(now), GenerationId::new(now), 0, None).await.is_ok()
    }

    fn accepted() -> serde_json::Value {
        // Without a digest of the body, which the SDK would compare.
        json!({ "MessageId": "1" })
    }

    #[tokio::test]
    async fn request_is_signed_and_retried_after_server_error() {
        let server = MockServer::start().await;
        let failure = ResponseTemplate::new(500).set_body_json(json!({ "__type": "InternalFailure" }));
        Mock::given(header("x-amz-target", "AmazonSQS.SendMessage"))
            .respond_with(failure)
            .up_to_n_times(1)
            .mount(&server)
            .await;
        Mock::given(header_exists("authorization"))
            .and(body_partial_json(json!({ "QueueUrl": QUEUE })))
            .respond_with(ResponseTemplate::new(200).set_body_json(accepted()))
            .expect(1)
            .mount(&server)
            .await;
        assert!(send(&queue_at(&server.uri())).await);
        assert_eq!(server.received_requests().await.unwrap().len(), 2);
    }

    /// The previous release reads the body, and ignores attributes.
    #[tokio::test]
    async fn origin_of_a_job_leaves_its_body_as_it_was() {
        let server = MockServer::start().await;
        Mock::given(header("x-amz-target", "AmazonSQS.SendMessage"))
            .respond_with(ResponseTemplate::new(200).set_body_json(accepted()))
            .mount(&server)
            .await;
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0c1902b7-01";
        let origin = RequestOrigin::parse(Some(trace), Some("r-1")).unwrap();
        let (queue, id) = (queue_at(&server.uri()), GenerationId::new(DateTime::UNIX_EPOCH));
        let chatroom = ChatroomId::new(DateTime::UNIX_EPOCH);
        for origin in [Some(&origin), None] {
            queue.send_job(chatroom, id, 0, origin).await.unwrap();
        }
        let requests = server.received_requests().await.unwrap();
        let [with, without] = [0, 1].map(|number| requests[number].body_json::<Value>().unwrap());
        assert_eq!(with["MessageBody"], without["MessageBody"]);
        assert_eq!(with["MessageAttributes"]["traceparent"]["StringValue"], trace);
        assert_eq!(with["MessageAttributes"]["request_id"]["StringValue"], "r-1");
        assert_eq!(without.get("MessageAttributes"), None);
    }

    #[tokio::test]
    async fn lost_connection_is_replaced() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let queue = queue_at(&format!("http://{}", listener.local_addr().unwrap()));
        let served = tokio::spawn(async move {
            let mut buffer = [0; 4096];
            let (mut cut, _) = listener.accept().await.unwrap();
            let _ = cut.read(&mut buffer).await.unwrap();
            cut.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{").await.unwrap();
            drop(cut);
            let (mut good, _) = listener.accept().await.unwrap();
            let _ = good.read(&mut buffer).await.unwrap();
            let body = accepted().to_string();
            let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            good.write_all(response.as_bytes()).await.unwrap();
            // There is no third attempt.
            tokio::time::timeout(Duration::from_millis(50), listener.accept()).await.is_err()
        });
        assert!(send(&queue).await);
        assert!(served.await.unwrap());
    }

    #[tokio::test]
    async fn refused_connection_is_an_error() {
        assert!(!send(&queue_at("http://127.0.0.1:1")).await);
    }
}
