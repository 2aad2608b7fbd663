//! Who is at the other end of the wire, as API Gateway saw it.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request};
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use lambda_http::request::RequestContext;
use lambda_http::{Context, RequestExt};
use uuid::Uuid;

/// The longest user agent that is kept, in characters.
const USER_AGENT_LENGTH: usize = 256;

/// The client of a request.
#[derive(Debug, Clone)]
pub struct ClientInfo {
    /// The id by which this request is found in the logs.
    pub request_id: String,
    /// The address the connection came from, out of the request context; headers cannot forge it.
    pub address: String,
    /// What the client calls itself.
    pub user_agent: Option<String>,
}

impl ClientInfo {
    pub(crate) fn of(request: &Request) -> Self {
        let context = request.extensions().get::<Context>();
        let request_id = context.map(|context| context.request_id.clone()).filter(|id| !id.is_empty());
        let address = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.clone(),
            _ => None,
        };
        let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
        Self {
            request_id: request_id.unwrap_or_else(|| Uuid::new_v4().to_string()),
            address: address.unwrap_or_else(|| "unknown".to_owned()),
            user_agent: user_agent.map(|text| text.chars().take(USER_AGENT_LENGTH).collect()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for ClientInfo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or_else(|| Self {
            request_id: String::new(),
            address: "unknown".to_owned(),
            user_agent: None,
        }))
    }
}
