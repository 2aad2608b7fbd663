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
