//! Identifiers. Each is a UUIDv7 with its own type, so that ids of different kinds cannot be
//! confused.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::{Builder, ContextV7, Timestamp, Uuid};

macro_rules! id {
    ($(#[$doc:meta] $name:ident),+ $(,)?) => { $(
        #[$doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new identifier. Its leading bits are `now`, so ids sort by creation time.
            #[must_use]
            pub fn new(now: DateTime<Utc>) -> Self {
                Self(uuid_at(now))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+ };
}

id! {
    /// A user account.
    UserId,
    /// One sign-in of a user on a device.
    SessionId,
    /// A chatroom.
    ChatroomId,
    /// A message, written by the user or by the model.
    MessageId,
    /// One requested answer to a message.
    GenerationId,
}

impl GenerationId {
    /// The first generation of `question`, which has the question's id.
    #[must_use]
    pub const fn first_of(question: MessageId) -> Self {
        Self(question.0)
    }
}

impl MessageId {
    /// The id of a message that a client has made an id for, in `chatroom`: the same each time. `parts`
    /// are what identifies the message there. Its timestamp is that of the chatroom's id, because a
    /// repeated request must have the same one.
    #[must_use]
    pub fn derived(chatroom: ChatroomId, parts: &[&str]) -> Self {
        let mut hash = Sha256::new_with_prefix(chatroom.0.as_bytes());
        for part in parts {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        let mut random = [0; 10];
        random.copy_from_slice(&hash.finalize()[..10]);
        let millis = u64::try_from(chatroom.0.as_u128() >> 80).unwrap_or_default();
        Self(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

/// A UUIDv7 with `now` as its timestamp. Times before 1970 count as 1970.
#[must_use]
pub fn uuid_at(now: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(ContextV7::new(), seconds, now.timestamp_subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_creation_time() {
        let early = UserId::new(DateTime::from_timestamp_millis(1_000).unwrap());
        let late = UserId::new(DateTime::from_timestamp_millis(1_001).unwrap());
        assert!(early < late);
        assert_eq!(early.0.get_version_num(), 7);
    }

    #[test]
    fn derived_ids_depend_on_all_parts_alone() {
        let room = |millis| ChatroomId::new(DateTime::from_timestamp_millis(millis).unwrap());
        let (first, second) = (room(1_000), room(1_000));
        let id = MessageId::derived(first, &["a", "bc"]);
        assert_eq!(id, MessageId::derived(first, &["a", "bc"]));
        for other in [MessageId::derived(second, &["a", "bc"]), MessageId::derived(first, &["ab", "c"])] {
            assert_ne!(id, other);
        }
        assert_eq!((id.0.get_version_num(), id.0.get_timestamp().unwrap().to_unix()), (7, (1, 0)));
    }
}
