//! The position at which the next page of a list continues that is ordered by time.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, de};
use uuid::Uuid;

/// The last entry of the previous page: its time and its id. Its text form is
/// `<microseconds since 1970>.<id>`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor(pub(crate) DateTime<Utc>, pub(crate) Uuid);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0.timestamp_micros(), self.1)
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (micros, id) = text.split_once('.')?;
            // No entry is older than 1970, and Postgres does not support all times that fit an
            // i64.
            let micros = i64::try_from(micros.parse::<u64>().ok()?).ok()?;
            Some(Self(DateTime::from_timestamp_micros(micros)?, id.parse().ok()?))
        };
        parse().ok_or("must be the next_cursor of another page")
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
