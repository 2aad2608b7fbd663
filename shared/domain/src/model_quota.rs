//! The vendor's quota for a model, and whether a call fits into it.
//!
//! Google counts requests and input tokens a minute, for each model of a project. A log of the
//! calls of the last minute keeps the service below both. A token bucket would allow nearly twice
//! the quota in the minute after it was full. All workers share the log in Redis; [`CallLog`] is
//! each worker's own log, for when Redis is unavailable.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::message::WaitReason;

/// How long a call counts: Google's minute, plus a margin for different network delays.
pub const WINDOW: Duration = Duration::from_secs(62);

/// The maximum number of generations of a user that workers process, or that wait for a limit of the
/// model, at once.
pub const MAX_IN_FLIGHT: i16 = 3;

/// The vendor's quota for one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelQuota {
    /// Requests a minute.
    pub requests: u32,
    /// Input tokens a minute.
    pub tokens: u32,
}

impl ModelQuota {
    /// The tokens to reserve for a prompt of about `estimate` tokens. At most a whole minute's
    /// quota, because a larger prompt must still get its turn.
    #[must_use]
    pub fn reservation(self, estimate: usize) -> u32 {
        u32::try_from(estimate).unwrap_or(u32::MAX).min(self.tokens)
    }
}

/// The decision whether a call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The call may be made now.
    Granted,
    /// The call must wait for this time, for the rate limit or the end of an outage.
    Wait(Duration, WaitReason),
    /// The model is unavailable for longer than a message can wait: its daily quota is used up, or
    /// it does not exist.
    Exhausted,
}

/// A worker's log of its own calls to a model.
#[derive(Debug, Default)]
pub struct CallLog {
    calls: VecDeque<(DateTime<Utc>, u32)>,
}

impl CallLog {
    /// Adds a call at `now`.
    pub fn record(&mut self, now: DateTime<Utc>, tokens: u32) {
        self.remove_old(now);
        self.calls.push_back((now, tokens));
    }

    /// Decides whether a call of `tokens` may be made at `now`. Each of `workers` workers, which do
    /// not see each other's calls, has an equal share of the quota. When the share is less than one
    /// call, one call is allowed in several windows.
    pub fn admit(&mut self, now: DateTime<Utc>, tokens: u32, quota: ModelQuota, workers: u32) -> Admission {
        let (requests, windows) = match quota.requests / workers {
            0 => (1, workers.div_ceil(quota.requests.max(1))),
            share => (share, 1),
        };
        let share = ModelQuota { requests, tokens: quota.tokens / workers };
        let window = WINDOW * windows;
        self.remove_old(now);
        let counting = |at: DateTime<Utc>| (at + window - now).to_std().ok().filter(|left| !left.is_zero());
        let (mut count, mut sum) = (0_u32, 0_u64);
        // From the newest call back to the one that must leave the window first.
        for (at, used) in self.calls.iter().rev() {
            let Some(left) = counting(*at) else { break };
            count += 1;
            sum += u64::from(*used);
            if count >= share.requests || sum + u64::from(tokens.min(share.tokens)) > u64::from(share.tokens)
            {
                return Admission::Wait(left, WaitReason::RateLimit);
            }
        }
        Admission::Granted
    }

    /// Removes calls older than the longest window of any share.
    fn remove_old(&mut self, now: DateTime<Utc>) {
        const LONGEST: TimeDelta = TimeDelta::hours(1);
        while self.calls.front().is_some_and(|(at, _)| *at + LONGEST < now) {
            self.calls.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    const QUOTA: ModelQuota = ModelQuota { requests: 10, tokens: 1_000 };

    #[test]
    fn worker_uses_its_share_and_waits_for_the_oldest_call_to_leave() {
        let mut log = CallLog::default();
        for second in [0, 1] {
            assert_eq!(log.admit(at(second), 10, QUOTA, 5), Admission::Granted);
            log.record(at(second), 10);
        }
        let wait = |seconds| Admission::Wait(Duration::from_secs(seconds), WaitReason::RateLimit);
        assert_eq!(log.admit(at(2), 10, QUOTA, 5), wait(60));
        assert_eq!(log.admit(at(61), 10, QUOTA, 5), wait(1));
        assert_eq!(log.admit(at(62), 10, QUOTA, 5), Admission::Granted);
    }

    #[test]
    fn tokens_count_and_a_prompt_larger_than_the_share_gets_its_turn() {
        let mut log = CallLog::default();
        log.record(at(0), 150);
        assert!(matches!(log.admit(at(1), 60, QUOTA, 5), Admission::Wait(..)));
        assert_eq!(log.admit(at(1), 50, QUOTA, 5), Admission::Granted);
        assert!(matches!(log.admit(at(1), 900, QUOTA, 5), Admission::Wait(..)));
        assert_eq!(log.admit(at(62), 900, QUOTA, 5), Admission::Granted);
    }

    #[test]
    fn share_below_one_call_allows_one_call_in_several_windows() {
        let mut log = CallLog::default();
        let quota = ModelQuota { requests: 2, tokens: 1_000 };
        log.record(at(0), 1);
        assert!(matches!(log.admit(at(185), 1, quota, 5), Admission::Wait(..)));
        assert_eq!(log.admit(at(186), 1, quota, 5), Admission::Granted);
    }

    #[test]
    fn reservation_never_exceeds_the_quota() {
        assert_eq!(QUOTA.reservation(10), 10);
        assert_eq!(QUOTA.reservation(1_000_000), 1_000);
    }
}
