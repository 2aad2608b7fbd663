//! The orders of a user's chatrooms, and the position of a page in each.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, de};

use crate::ChatroomId;
use crate::string_enum::string_enum;

string_enum! {
    /// The order of a list of chatrooms.
    ChatroomSort {
        /// The newest chatroom first.
        Created = "created",
        /// The chatroom with the latest message first. One without messages counts from its creation.
        Activity = "activity",
    }
}

/// The last chatroom of a page. The next page begins after it. The text of a cursor by creation is the
/// chatroom's id; that of a cursor by activity is `activity-`, the microseconds since 1970, `-`, the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatroomCursor {
    /// In the order [`ChatroomSort::Created`].
    Created(ChatroomId),
    /// In the order [`ChatroomSort::Activity`].
    Activity {
        /// When the chatroom was last active, in microseconds as Postgres stores it.
        at: DateTime<Utc>,
        /// The chatroom.
        id: ChatroomId,
    },
}

const ACTIVITY: &str = "activity-";

impl ChatroomCursor {
    /// The order that the cursor is a position in.
    #[must_use]
    pub fn sort(self) -> ChatroomSort {
        match self {
            Self::Created(_) => ChatroomSort::Created,
            Self::Activity { .. } => ChatroomSort::Activity,
        }
    }
}

impl fmt::Display for ChatroomCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created(id) => id.fmt(f),
            Self::Activity { at, id } => write!(f, "{ACTIVITY}{}-{id}", at.timestamp_micros()),
        }
    }
}

/// The text is not that of a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the next_cursor of another page")]
pub struct MalformedCursor;

impl FromStr for ChatroomCursor {
    type Err = MalformedCursor;

    fn from_str(text: &str) -> Result<Self, MalformedCursor> {
        let parse_id = |id: &str| id.parse::<ChatroomId>().map_err(|_| MalformedCursor);
        let Some(position) = text.strip_prefix(ACTIVITY) else { return parse_id(text).map(Self::Created) };
        let (micros, id) = position.split_once('-').ok_or(MalformedCursor)?;
        let micros = micros.parse().map_err(|_| MalformedCursor)?;
        // A later year is none that Postgres can compare with.
        let at = DateTime::from_timestamp_micros(micros).filter(|at| at.timestamp_micros() <= MAX_MICROS);
        Ok(Self::Activity { at: at.ok_or(MalformedCursor)?, id: parse_id(id)? })
    }
}

/// The end of the year 9999.
const MAX_MICROS: i64 = 253_402_300_799_999_999;

impl<'de> Deserialize<'de> for ChatroomCursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn cursors_are_read_as_they_are_written() {
        let id = ChatroomId(Uuid::from_u128(7));
        let at = DateTime::from_timestamp_micros(1_764_201_600_123_456).unwrap();
        for cursor in [ChatroomCursor::Created(id), ChatroomCursor::Activity { at, id }] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        assert_eq!(id.to_string().parse(), Ok(ChatroomCursor::Created(id)));
    }

    #[test]
    fn other_texts_are_refused() {
        let id = Uuid::from_u128(7);
        let texts = ["", "x", "activity-", "activity-1", "activity-1-x", "activity--1-x"].map(str::to_owned);
        let dates = [i64::MAX, MAX_MICROS + 1].map(|micros| format!("activity-{micros}-{id}"));
        for text in texts.into_iter().chain(dates).chain([format!("activity-x-{id}"), format!("x-{id}")]) {
            assert_eq!(text.parse::<ChatroomCursor>(), Err(MalformedCursor), "{text}");
        }
    }
}
