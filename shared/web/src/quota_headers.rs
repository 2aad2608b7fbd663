//! The headers that report the quota of the day.

use axum::http::{HeaderMap, HeaderName};
use domain::quota::Usage;

/// The quota headers: limit, remaining messages, and the reset in seconds since 1970.
#[must_use]
pub fn quota_headers(usage: &Usage) -> HeaderMap {
    [
        ("x-quota-limit", i64::from(usage.daily_message_limit)),
        ("x-quota-remaining", i64::from(usage.remaining_messages)),
        ("x-quota-reset", usage.resets_at.timestamp()),
    ]
    .map(|(name, value)| (HeaderName::from_static(name), value.into()))
    .into_iter()
    .collect()
}
