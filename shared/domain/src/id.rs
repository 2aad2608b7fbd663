//! Identifiers: UUIDv7 each, a type of its own per kind so that they cannot be mixed up.

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
            /// A new identifier whose leading bits are `now`, so that ids sort by creation.
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
    /// A person with an account.
    UserId,
    /// One sign-in of a person on a device.
    SessionId,
    /// A conversation.
    ChatroomId,
    /// A message, the person's or the model's.
    MessageId,
}

/// A UUIDv7 whose timestamp is `now` (milliseconds since 1970; earlier times count as 1970).
#[must_use]
pub fn uuid_at(now: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(ContextV7::new(), seconds, now.timestamp_subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_creation() {
        let early = UserId::new(DateTime::from_timestamp_millis(1_000).unwrap());
        let late = UserId::new(DateTime::from_timestamp_millis(1_001).unwrap());
        assert!(early < late);
        assert_eq!(early.0.get_version_num(), 7);
    }
}
