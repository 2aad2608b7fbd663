//! Identifiers. Each is a UUIDv7 with its own type, so that ids of different kinds cannot be
//! confused.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::{ContextV7, Timestamp, Uuid};

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
}
