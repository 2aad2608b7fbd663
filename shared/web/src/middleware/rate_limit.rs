//! Charges requests to rate limits, and reports the limits in response headers.

use std::time::Duration;

use app::AppState;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use chrono::{DateTime, Utc};
use clients::redis::sessions::SessionClaim;
use clients::redis::token_bucket::{Bucket, Limit, RateLimitDecision};

use crate::problem::whole_seconds;

/// How many replays of idempotent requests a user may send for each request that the limit allows.
const REPLAYS_PER_REQUEST: u32 = 10;

/// The bucket that all requests share.
const GLOBAL_BUCKET: &str = "global";

/// The rate limits of one request.
pub(crate) struct RequestLimits<'a> {
    pub(super) app: &'a AppState,
    /// The bucket that every request is charged to.
    pub(super) global: Bucket,
    /// The bucket of the client's network, for requests without an active session. Many users can
    /// share a network, and each has a bucket of their own.
    pub(super) address: Bucket,
}

impl<'a> RequestLimits<'a> {
    pub(crate) fn new(app: &'a AppState, network: String) -> Self {
        let limits = app.config.rate_limits;
        let global = Bucket::new(GLOBAL_BUCKET, limits.global);
        Self { app, global, address: Bucket::new(network, limits.address) }
    }

    /// Charges a request without an active session.
    pub(super) async fn charge_anonymous(&self) -> Vec<RateLimitDecision> {
        self.app.rate_limiter.consume(&[self.global.clone(), self.address.clone()]).await
    }

    /// Charges the network of a request whose session turned out to have ended. The global bucket is
    /// charged already.
    pub(super) async fn charge_address(&self) -> Vec<RateLimitDecision> {
        self.app.rate_limiter.consume(std::slice::from_ref(&self.address)).await
    }

    /// Charges a replay of an idempotent request to the user's bucket for replays.
    pub(super) async fn charge_replay(&self, claim: &SessionClaim) -> Vec<RateLimitDecision> {
        let limit = Limit { max: claim.basic.max.saturating_mul(REPLAYS_PER_REQUEST), ..claim.basic };
        self.app.rate_limiter.consume(&[Bucket::new(format!("replay:{}", claim.user), limit)]).await
    }

    /// How long the client's network must wait for its next request without a token, if none is left.
    /// Charges nothing.
    pub(super) async fn wait_of_network(&self) -> Option<Duration> {
        self.app.rate_limiter.find_wait(&[self.global.clone(), self.address.clone()]).await
    }

    /// Charges a replay of a request without a token to the network's bucket for replays.
    pub(super) async fn charge_anonymous_replay(&self) -> Vec<RateLimitDecision> {
        let Bucket { name, limit } = &self.address;
        let limit = Limit { max: limit.max.saturating_mul(REPLAYS_PER_REQUEST), ..*limit };
        self.app.rate_limiter.consume(&[Bucket::new(format!("replay:from:{name}"), limit)]).await
    }

    /// Adds the headers of the limit with the fewest requests left: those of the Node.js service
    /// (reset in seconds since 1970) and those of `draft-ietf-httpapi-ratelimit-headers`. The
    /// global limit is omitted, because all clients share it.
    pub(super) fn add_headers(
        &self,
        headers: &mut HeaderMap,
        decisions: &[RateLimitDecision],
        now: DateTime<Utc>,
    ) {
        let global = self.app.config.rate_limits.global;
        let own = decisions.iter().filter(|decision| decision.limit != global);
        let Some(decision) = own.min_by_key(|decision| decision.remaining) else { return };
        let Limit { max, window } = decision.limit;
        let (remaining, reset) = (decision.remaining, whole_seconds(decision.resets_in));
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
}

/// How long the client has to wait if any of `decisions` rejects the request.
pub(super) fn rejection(decisions: &[RateLimitDecision]) -> Option<Duration> {
    decisions.iter().filter_map(|decision| decision.retry_after).max()
}
