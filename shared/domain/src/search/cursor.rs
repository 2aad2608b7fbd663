//! The position of a page of search results.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use crate::MessageId;

/// How well a message matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// A word of the query is only the beginning of a word of the message.
    Prefix,
    /// The message has each word of the query as a whole word.
    WholeWords,
}

/// The last message of a page. The next page begins after it: messages of the same rank that are
/// older, then messages of the lower rank. The text is the message's id, with `prefix-` before it
/// for [`Rank::Prefix`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The rank of the message.
    pub rank: Rank,
    /// The message.
    pub id: MessageId,
}

const PREFIX: &str = "prefix-";

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rank {
            Rank::WholeWords => write!(f, "{}", self.id),
            Rank::Prefix => write!(f, "{PREFIX}{}", self.id),
        }
    }
}

impl FromStr for Cursor {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (rank, id) = match text.strip_prefix(PREFIX) {
            Some(id) => (Rank::Prefix, id),
            None => (Rank::WholeWords, text),
        };
        Ok(Self { rank, id: MessageId(Uuid::try_parse(id)?) })
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_they_are_written() {
        let id = MessageId(Uuid::from_u128(7));
        for rank in [Rank::Prefix, Rank::WholeWords] {
            let cursor = Cursor { rank, id };
            assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }
        assert_eq!(id.to_string().parse::<Cursor>().unwrap(), Cursor { rank: Rank::WholeWords, id });
        assert!("x".parse::<Cursor>().is_err() && "prefix-".parse::<Cursor>().is_err());
    }
}
