//! The position at which the next request continues an export.

use std::fmt;
use std::str::FromStr;

use domain::ChatroomId;
use serde::{Deserialize, Deserializer, de};

/// The last exported message: its chatroom and its position there. Its text form is
/// `<id>.<position>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) chatroom: ChatroomId,
    pub(super) position: i64,
}

impl Cursor {
    /// The end of `chatroom`: the export continues with the next chatroom.
    pub(super) fn end_of(chatroom: ChatroomId) -> Self {
        Self { chatroom, position: i64::MAX }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.chatroom, self.position)
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (chatroom, position) = text.split_once('.')?;
            let position = position.parse().ok().filter(|position| *position >= 0)?;
            Some(Self { chatroom: chatroom.parse().ok()?, position })
        };
        parse().ok_or("must be the cursor of a previous response")
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
