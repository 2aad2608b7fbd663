//! [`ClientInfo`]: the client of a request, as API Gateway reports it.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};

use axum::extract::{FromRequestParts, Request};
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use lambda_http::request::RequestContext;
use lambda_http::{Context, RequestExt};
use services::passwords::Origin;
use uuid::Uuid;

/// The longest user agent, in characters; the rest is cut off.
const USER_AGENT_LENGTH: usize = 256;

/// The client of a request.
#[derive(Debug, Clone)]
pub struct ClientInfo {
    /// Identifies the request in the logs.
    pub request_id: String,
    /// The IP address from the request context, which headers cannot forge.
    pub address: String,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
}

impl ClientInfo {
    pub(crate) fn of(request: &Request) -> Self {
        let context = request.extensions().get::<Context>();
        let request_id = context.map(|context| context.request_id.clone()).filter(|id| !id.is_empty());
        let address = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.clone(),
            Some(RequestContext::ApiGatewayV1(context)) => context.identity.source_ip.clone(),
            _ => None,
        };
        let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
        Self {
            request_id: request_id.unwrap_or_else(|| Uuid::new_v4().to_string()),
            address: address.unwrap_or_else(|| "unknown".to_owned()),
            user_agent: user_agent.map(|text| text.chars().take(USER_AGENT_LENGTH).collect()),
        }
    }

    /// The addresses that one client can choose from: an IPv4 address itself, or the /64 network of
    /// an IPv6 address.
    #[must_use]
    pub fn network(&self) -> String {
        match self.address.parse() {
            Ok(IpAddr::V6(v6)) => match v6.to_ipv4_mapped() {
                Some(v4) => v4.to_string(),
                None => format!("{}/64", Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
            },
            _ => self.address.clone(),
        }
    }

    /// Network and address, as the limits on password attempts need them.
    #[must_use]
    pub fn origin(&self) -> Origin<'_> {
        Origin { network: self.network(), address: &self.address }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_addresses_of_one_network_share_a_name() {
        let network = |address: &str| {
            ClientInfo { request_id: String::new(), address: address.to_owned(), user_agent: None }.network()
        };
        assert_eq!(network("203.0.113.7"), "203.0.113.7");
        assert_eq!(network("::ffff:203.0.113.7"), "203.0.113.7");
        assert_eq!(network("2001:db8:1:2:aaaa:bbbb:cccc:dddd"), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("unknown"), "unknown");
    }
}
