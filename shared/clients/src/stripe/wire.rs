//! Response types that several calls share. Unknown fields are ignored.

use chrono::{DateTime, Utc};
use miniserde::Deserialize;

/// Any object of which only the id is read.
#[derive(Deserialize)]
pub(super) struct Object {
    pub(super) id: String,
}

/// A page of a list.
#[derive(Deserialize)]
pub(super) struct Page<T> {
    pub(super) data: Vec<T>,
}

/// A session of the customer portal.
#[derive(Deserialize)]
pub(super) struct PortalSession {
    pub(super) url: String,
}

/// A time in Stripe's unit.
pub(super) fn from_unix_seconds(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}
