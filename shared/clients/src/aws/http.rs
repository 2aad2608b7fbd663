//! The SDK's requests over the HTTP client that the other vendors are asked by. The SDK's own would bring a second one, HTTP/2 and
//! the reading of the system's certificates at each start.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use reqwest::{Client, Request};

/// Sends what the SDK asks for. Its time-outs are kept around it by the SDK, that for connecting by the client.
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
            let answer = client.execute(outgoing(request)?).await.map_err(failed)?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let mut response = http::Response::new(SdkBody::from(answer.bytes().await.map_err(failed)?));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            HttpResponse::try_from(response).map_err(unusable)
        })
    }
}

fn outgoing(request: HttpRequest) -> Result<Request, ConnectorError> {
    let request = request.try_into_http1x().map_err(unusable)?;
    let (parts, body) = request.into_parts();
    let body = body.bytes().map(Bytes::copy_from_slice);
    let body = body.ok_or_else(|| ConnectorError::user("a body that is a stream is never sent".into()))?;
    Request::try_from(http::Request::from_parts(parts, body)).map_err(unusable)
}

fn unusable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectorError {
    ConnectorError::user(error.into())
}

/// What the SDK tries again: what did not get through, or did not come back.
fn failed(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
}

#[cfg(test)]
mod tests {
    use aws_config::retry::RetryConfig;
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use chrono::DateTime;
    use domain::{ChatroomId, MessageId};
    use serde_json::json;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use wiremock::matchers::{body_partial_json, header, header_exists};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use crate::aws::AwsConfig;
    use crate::queue::{JobQueue as _, SqsQueue};

    const QUEUE: &str = "https://sqs.example/1/messages.fifo";

    /// The queue of an SQS at `address`, asked twice at the most.
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
        queue.send_message(ChatroomId::new(now), MessageId::new(now), 0).await.is_ok()
    }

    fn taken() -> serde_json::Value {
        // Without a digest of the body, which is compared where there is one.
        json!({ "MessageId": "1" })
    }

    #[tokio::test]
    async fn a_request_is_signed_and_tried_again_after_a_fault() {
        let server = MockServer::start().await;
        let fault = ResponseTemplate::new(500).set_body_json(json!({ "__type": "InternalFailure" }));
        Mock::given(header("x-amz-target", "AmazonSQS.SendMessage"))
            .respond_with(fault)
            .up_to_n_times(1)
            .mount(&server)
            .await;
        Mock::given(header_exists("authorization"))
            .and(body_partial_json(json!({ "QueueUrl": QUEUE })))
            .respond_with(ResponseTemplate::new(200).set_body_json(taken()))
            .expect(1)
            .mount(&server)
            .await;
        assert!(send(&queue_at(&server.uri())).await);
        assert_eq!(server.received_requests().await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_connection_that_is_cut_is_replaced() {
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
            let body = taken().to_string();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            good.write_all(answer.as_bytes()).await.unwrap();
            // Nobody asks a third time.
            tokio::time::timeout(Duration::from_millis(50), listener.accept()).await.is_err()
        });
        assert!(send(&queue).await);
        assert!(served.await.unwrap());
    }

    #[tokio::test]
    async fn where_nobody_listens_it_is_given_up() {
        assert!(!send(&queue_at("http://127.0.0.1:1")).await);
    }
}
