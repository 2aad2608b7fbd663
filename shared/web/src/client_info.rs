//! [`ClientInfo`]: the client of a request, as API Gateway reports it.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use app::trace;
use axum::extract::{FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use domain::trace::is_request_id;
use domain::{RequestOrigin, TraceContext};
use lambda_http::request::RequestContext;
use lambda_http::{Context, RequestExt};
use services::passwords::Origin;
use uuid::Uuid;

const TRACEPARENT: &str = "traceparent";
const X_REQUEST_ID: &str = "x-request-id";

/// The longest user agent, in characters; the rest is cut off.
const USER_AGENT_LENGTH: usize = 256;

/// The client of a request.
#[derive(Debug, Clone)]
pub struct ClientInfo {
    /// Identifies the request in the logs, in the access log and in the audit log. API Gateway makes it,
    /// or Lambda for a request to the REST API, so no client can take that of another request.
    pub request_id: String,
    /// The header `X-Request-Id`, by which the client knows the request. Clients may use one id twice.
    pub client_request_id: Option<String>,
    /// The request in its trace: in that of the header `traceparent`, or in one of its own.
    pub trace: TraceContext,
    /// The operation of the client that has sent the request.
    pub parent: Option<TraceContext>,
    /// The IP address from the request context, which headers cannot forge.
    pub address: String,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
}

impl ClientInfo {
    /// A client at `address` of whose request nothing else is known.
    fn at(address: &str) -> Self {
        Self {
            request_id: String::new(),
            client_request_id: None,
            trace: trace::root(),
            parent: None,
            address: address.to_owned(),
            user_agent: None,
        }
    }

    pub(crate) fn of(request: &Request) -> Self {
        let (request_id, address) = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => {
                (context.request_id.clone(), context.http.source_ip.clone())
            }
            Some(RequestContext::ApiGatewayV1(context)) => {
                // A client can set the id of a REST API by the header `x-amzn-requestid`.
                (None, context.identity.source_ip.clone())
            }
            _ => (None, None),
        };
        let of_lambda = || request.extensions().get::<Context>().map(|context| context.request_id.clone());
        let is_known = |id: &String| !id.is_empty();
        let request_id = request_id.filter(is_known).or_else(|| of_lambda().filter(is_known));
        let parent: Option<TraceContext> =
            only(request.headers(), TRACEPARENT).and_then(|text| text.trim().parse().ok());
        let client_request_id = only(request.headers(), X_REQUEST_ID).filter(|id| is_request_id(id));
        let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
        Self {
            request_id: request_id.unwrap_or_else(|| Uuid::new_v4().to_string()),
            client_request_id: client_request_id.map(str::to_owned),
            trace: parent.map_or_else(trace::root, trace::child),
            parent,
            address: address.unwrap_or_else(|| "unknown".to_owned()),
            user_agent: user_agent.map(|text| text.chars().take(USER_AGENT_LENGTH).collect()),
        }
    }

    /// The id by which the client knows the request: its own, or else that of API Gateway. It is in the
    /// response.
    #[must_use]
    pub fn response_id(&self) -> &str {
        self.client_request_id.as_deref().unwrap_or(&self.request_id)
    }

    /// The request, as jobs that it causes name it.
    pub(crate) fn as_origin(&self) -> RequestOrigin {
        RequestOrigin { trace: self.trace, request_id: Some(self.request_id.clone()) }
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

    /// The addresses that one customer of a provider can have: the /24 network of an IPv4 address, or
    /// the /48 network of an IPv6 address, which has 65,536 of [`Self::network`].
    #[must_use]
    pub fn site(&self) -> String {
        let v4 = |address: Ipv4Addr| format!("{}/24", Ipv4Addr::from_bits(address.to_bits() >> 8 << 8));
        match self.address.parse() {
            Ok(IpAddr::V4(address)) => v4(address),
            Ok(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
                Some(address) => v4(address),
                None => format!("{}/48", Ipv6Addr::from_bits(address.to_bits() >> 80 << 80)),
            },
            Err(_) => self.address.clone(),
        }
    }

    /// Network and address, as the limits on password attempts need them.
    #[must_use]
    pub fn origin(&self) -> Origin<'_> {
        Origin { network: self.network(), address: &self.address }
    }
}

/// The value of a header that the client has sent once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

impl<S: Sync> FromRequestParts<S> for ClientInfo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or_else(|| Self::at("unknown")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_addresses_of_one_network_share_a_name() {
        let network = |address: &str| ClientInfo::at(address).network();
        assert_eq!(network("203.0.113.7"), "203.0.113.7");
        assert_eq!(network("::ffff:203.0.113.7"), "203.0.113.7");
        assert_eq!(network("2001:db8:1:2:aaaa:bbbb:cccc:dddd"), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("unknown"), "unknown");
    }

    #[test]
    fn addresses_of_one_customer_share_a_site() {
        let site = |address: &str| ClientInfo::at(address).site();
        assert_eq!(site("203.0.113.7"), "203.0.113.0/24");
        assert_eq!(site("::ffff:203.0.113.7"), "203.0.113.0/24");
        assert_eq!(site("2001:db8:1:2:aaaa:bbbb:cccc:dddd"), "2001:db8:1::/48");
        assert_ne!(site("2001:db8:1:2::1"), site("2001:db8:2:2::1"));
        assert_eq!(site("unknown"), "unknown");
    }
}
