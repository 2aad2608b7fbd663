//! Pages of lists that are ordered by time, and the position at which the next page continues.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Deserializer, de};
use uuid::Uuid;
use web::page;

/// Which page of a list that is ordered by time.
#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    #[serde(default = "page::default_limit")]
    #[param(minimum = 1, maximum = 100, default = 50)]
    #[garde(range(min = 1, max = 100))]
    pub(crate) limit: i64,
    /// `next_cursor` of the previous page.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^[0-9]{1,15}[.][0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    pub(crate) cursor: Option<Cursor>,
}

impl PageQuery {
    /// Truncates `rows`, read with one more than the limit, to the page. Returns its `next_cursor`.
    pub(crate) fn cut<T>(&self, rows: &mut Vec<T>, position: impl Fn(&T) -> Cursor) -> Option<String> {
        let has_more = page::cut(rows, self.limit);
        rows.last().filter(|_| has_more).map(|last| position(last).to_string())
    }
}

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
