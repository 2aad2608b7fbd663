//! The daily quota of messages. Days are UTC days.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};

use crate::MobileNumber;
use crate::keyed_hash::keyed_hash;

/// The day to whose quota a message sent at `now` counts.
#[must_use]
pub fn day_of(now: DateTime<Utc>) -> NaiveDate {
    now.date_naive()
}

/// The next midnight UTC after `now`, when the count restarts.
#[must_use]
pub fn resets_at(now: DateTime<Utc>) -> DateTime<Utc> {
    let tomorrow = now.date_naive().checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
    tomorrow.and_time(NaiveTime::MIN).and_utc()
}

/// HMAC-SHA-256 of a number, under which the day's use of a deleted account is kept. Without the key
/// nobody can find the number by hashing all of them. All spellings have the same hash.
#[must_use]
pub fn number_hash(key: &[u8], number: &MobileNumber) -> [u8; 32] {
    keyed_hash(key, &["quota", number.as_str()])
}

/// How much of today's quota a user has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Usage {
    /// Messages accepted today, minus refunded ones.
    pub daily_messages_used: i32,
    /// Messages that the plan allows per day.
    pub daily_message_limit: i32,
    /// Messages left today. Never negative, even after a downgrade during the day.
    pub remaining_messages: i32,
    /// When the count restarts.
    pub resets_at: DateTime<Utc>,
}

impl Usage {
    /// The usage at `now` of a user who has used `used` of `limit` messages.
    #[must_use]
    pub fn new(used: i32, limit: i32, now: DateTime<Utc>) -> Self {
        Self {
            daily_messages_used: used,
            daily_message_limit: limit,
            remaining_messages: (limit - used).max(0),
            resets_at: resets_at(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quota_day_ends_at_midnight_utc() {
        let last = "2026-12-31T23:59:59.999Z".parse().unwrap();
        assert_eq!(day_of(last).to_string(), "2026-12-31");
        assert_eq!(resets_at(last).to_rfc3339(), "2027-01-01T00:00:00+00:00");
        assert_eq!(resets_at(resets_at(last)).to_rfc3339(), "2027-01-02T00:00:00+00:00");
    }

    #[test]
    fn number_hash_depends_on_number_and_key() {
        let (number, other) = (&"+525512345678".into(), &"+525512345679".into());
        assert_eq!(number_hash(b"key", number), number_hash(b"key", &"+5215512345678".into()));
        assert_ne!(number_hash(b"key", number), number_hash(b"key", other));
        assert_ne!(number_hash(b"key", number), number_hash(b"other", number));
    }

    #[test]
    fn remaining_messages_are_never_negative() {
        let now = "2026-01-01T12:00:00Z".parse().unwrap();
        assert_eq!(Usage::new(2, 5, now).remaining_messages, 3);
        assert_eq!(Usage::new(700, 5, now).remaining_messages, 0);
    }
}
