//! Response types that several calls share. Unknown fields are ignored.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::UserId;
use miniserde::Deserialize;

/// The metadata of an object.
pub(super) type Metadata = HashMap<String, String>;

/// The field of the metadata that names the user. This service writes it on all its objects.
pub(super) const USER_ID: &str = "user_id";

/// The user that `metadata` names.
pub(super) fn user_id(metadata: Option<&Metadata>) -> Option<UserId> {
    metadata?.get(USER_ID)?.parse().ok()
}

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
