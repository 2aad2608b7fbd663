//! The daily quota: days are UTC days.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};

/// The day whose quota a message sent at `now` is counted in.
#[must_use]
pub fn day_of(now: DateTime<Utc>) -> NaiveDate {
    now.date_naive()
}

/// The next midnight UTC after `now`, when the count starts again.
#[must_use]
pub fn resets_at(now: DateTime<Utc>) -> DateTime<Utc> {
    let tomorrow = now.date_naive().checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
    tomorrow.and_time(NaiveTime::MIN).and_utc()
}

/// What a person has used of today's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Usage {
    /// Messages accepted today, less those given back.
    pub daily_messages_used: i32,
    /// Messages that today's plan allows.
    pub daily_message_limit: i32,
    /// Messages left; zero after a downgrade in the middle of a day, never less.
    pub remaining_messages: i32,
    /// When the count starts again.
    pub resets_at: DateTime<Utc>,
}

impl Usage {
    /// The usage at `now` of a person who used `used` of `limit`.
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
    fn a_day_ends_at_midnight_utc() {
        let last = "2026-12-31T23:59:59.999Z".parse().unwrap();
        assert_eq!(day_of(last).to_string(), "2026-12-31");
        assert_eq!(resets_at(last).to_rfc3339(), "2027-01-01T00:00:00+00:00");
        assert_eq!(resets_at(resets_at(last)).to_rfc3339(), "2027-01-02T00:00:00+00:00");
    }

    #[test]
    fn remaining_is_never_negative() {
        let now = "2026-01-01T12:00:00Z".parse().unwrap();
        assert_eq!(Usage::new(2, 5, now).remaining_messages, 3);
        assert_eq!(Usage::new(700, 5, now).remaining_messages, 0);
    }
}
