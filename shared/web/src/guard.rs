//! The guard at the door: sessions, idempotency keys, rate limits.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use app::App;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use clients::redis::limits::{Limit, Verdict};
use tracing::warn;

use crate::caller::{Authentication, authenticate};
use crate::idempotency::{self, Operation};
use crate::local_limits;
use crate::problem::whole_seconds;
use crate::{ApiError, ClientInfo, Routes};

/// How many times as often as a request may be made it may be asked what became of it.
const REPLAYS: u32 = 10;

/// What the guard knows of the function behind it.
#[derive(Clone)]
pub(crate) struct Door {
    app: App,
    /// The paths whose POST takes an `Idempotency-Key`.
    idempotent: Arc<[&'static str]>,
}

impl Door {
    pub(crate) fn new(app: &App, routes: &Routes) -> Self {
        Self { app: app.clone(), idempotent: routes.idempotent.clone().into() }
    }
}

/// Lets a request in that keeps within its limits, with what was found out about its token and its key.
pub(crate) async fn guard(State(door): State<Door>, request: Request, next: Next) -> Response {
    if is_liveness_probe(&request) {
        return next.run(request).await;
    }
    admit(&door, request, next).await
}

/// A person's limit is charged only when the session has been seen to last: a token that opens nothing must not use up its
/// owner's requests.
async fn admit(door: &Door, mut request: Request, next: Next) -> Response {
    let Door { app, idempotent } = door;
    let (now, limits) = (app.clock.now(), app.config.rate_limits);
    let address =
        request.extensions().get::<ClientInfo>().map_or_else(String::new, |client| network(&client.address));
    let by_address = take(app, address, limits.address);

    let (authentication, begun, mut verdicts) = match idempotency::key_of(&request, idempotent) {
        Ok(None) => {
            let (verdict, known) = tokio::join!(by_address, authenticate(app, request.headers(), now));
            (known, Ok(idempotency::single()), vec![verdict])
        }
        Ok(Some(key)) => {
            let known = authenticate(app, request.headers(), now).await;
            let (begun, verdict) = begin(app, &known, &key, &mut request, by_address).await;
            (known, begun, vec![verdict])
        }
        Err(error) => (Authentication::Absent, Err(error), vec![by_address.await]),
    };
    let is_first = begun.as_ref().is_ok_and(|operation| !operation.is_replay());
    if let Authentication::Known(caller) = &authentication
        && is_first
        && verdicts.iter().all(|verdict| verdict.retry_after.is_none())
    {
        verdicts.push(take(app, format!("user:{}", caller.user_id), limits.user).await);
    }

    let refused = verdicts.iter().filter_map(|verdict| verdict.retry_after).max();
    let mut response = match begun {
        Ok(operation) => {
            let response = if let Some(wait) = refused {
                ApiError::rate_limited(wait).into_response()
            } else {
                request.extensions_mut().insert(authentication);
                request.extensions_mut().insert(operation.clone());
                next.run(request).await
            };
            operation.conclude(app, response).await
        }
        Err(error) => refused.map_or(error, ApiError::rate_limited).into_response(),
    };
    if let Some(tightest) = verdicts.iter().min_by_key(|verdict| verdict.remaining) {
        add_headers(response.headers_mut(), tightest, now);
    }
    response
}

/// Looks a key up before anything is charged, and answers what is charged then: nothing that a first request would use up
/// for a client that only asks again what became of it, but not nothing at all.
async fn begin(
    app: &App,
    authentication: &Authentication,
    key: &str,
    request: &mut Request,
    by_address: impl Future<Output = Verdict>,
) -> (Result<Operation, ApiError>, Verdict) {
    let Authentication::Known(caller) = authentication else {
        return (Ok(idempotency::single()), by_address.await);
    };
    let begun = idempotency::begin(app, *caller, key, request, app.clock.now()).await;
    let asks_again = match &begun {
        Ok(operation) => operation.is_replay(),
        Err(error) => error.is_conflict(),
    };
    if !asks_again {
        return (begun, by_address.await);
    }
    let limit = app.config.rate_limits.user;
    let replays = Limit { max: limit.max.saturating_mul(REPLAYS), ..limit };
    (begun, take(app, format!("replay:{}", caller.user_id), replays).await)
}

/// `GET /health` without parameters is free, for those who ask every few seconds whether we are there.
fn is_liveness_probe(request: &Request) -> bool {
    request.uri().path() == "/health" && request.uri().query().is_none_or(str::is_empty)
}

/// What the limit on `name` says. Without Redis each process counts for itself, and the log says so.
async fn take(app: &App, name: String, limit: Limit) -> Verdict {
    match app.redis.take(&name, limit).await {
        Ok(verdict) => verdict,
        Err(error) => {
            warn!(error = app::telemetry::chain(&error), "limits are counted in this process alone");
            local_limits::take(&name, limit)
        }
    }
}

/// What one client can choose its addresses from: the address itself, of IPv6 the /64 it lies in.
fn network(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(v6)) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.to_string(),
            None => format!("{}/64", Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        },
        _ => address.to_owned(),
    }
}

/// The original's headers (the reset in seconds since 1970), and those of the IETF draft `draft-ietf-httpapi-ratelimit-headers`.
fn add_headers(headers: &mut HeaderMap, verdict: &Verdict, now: DateTime<Utc>) {
    let Limit { max, window } = verdict.limit;
    let (remaining, reset) = (verdict.remaining, whole_seconds(verdict.resets_in));
    for (name, value) in [
        ("x-ratelimit-limit", max.to_string()),
        ("x-ratelimit-remaining", remaining.to_string()),
        ("x-ratelimit-reset", now.timestamp().saturating_add_unsigned(reset).to_string()),
        ("ratelimit-policy", format!("\"default\";q={max};w={}", whole_seconds(window))),
        ("ratelimit", format!("\"default\";r={remaining};t={reset}")),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_addresses_share_a_limit_within_their_network() {
        assert_eq!(network("203.0.113.7"), "203.0.113.7");
        assert_eq!(network("::ffff:203.0.113.7"), "203.0.113.7");
        assert_eq!(network("2001:db8:1:2:aaaa:bbbb:cccc:dddd"), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("unknown"), "unknown");
    }
}
