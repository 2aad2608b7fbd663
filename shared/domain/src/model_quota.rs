//! The vendor's quota for a model, and taking turns under it.
//!
//! Google counts requests and input tokens a minute, for each model of a project. What keeps us below both is a log of the
//! calls of the last minute: a bucket that fills up evenly would let nearly twice the quota through in the minute after
//! it was full. The log is shared by all workers and lies in Redis; this is each worker's own, for when Redis is gone.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// How long a call counts: Google's minute, and a little for calls that take a different time to get there.
pub const WINDOW: Duration = Duration::from_secs(62);

/// What the vendor allows for one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelQuota {
    /// Requests a minute.
    pub requests: u32,
    /// Input tokens a minute.
    pub tokens: u32,
}

impl ModelQuota {
    /// The tokens to reserve for a prompt that is guessed to have `estimate`: one that is larger than a whole minute's
    /// quota must still have its turn.
    #[must_use]
    pub fn reservation(self, estimate: usize) -> u32 {
        u32::try_from(estimate).unwrap_or(u32::MAX).min(self.tokens)
    }
}

/// Whether a call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may, now.
    Go,
    /// It may not before that time is over.
    Wait(Duration, WaitReason),
    /// The model is not to be had for longer than waiting makes sense: its daily quota is used up, or it is gone.
    Exhausted,
}

/// What a call waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitReason {
    /// The quota to fill up again.
    Quota,
    /// The vendor to recover: calls failed one after the other.
    Outage,
}

/// One worker's own log of its calls to a model.
#[derive(Debug, Default)]
pub struct CallLog {
    calls: VecDeque<(DateTime<Utc>, u32)>,
}

impl CallLog {
    /// Notes a call that is made at `now`.
    pub fn record(&mut self, now: DateTime<Utc>, tokens: u32) {
        self.forget(now);
        self.calls.push_back((now, tokens));
    }

    /// Whether a call of `tokens` may be made at `now` by one of `workers` workers who cannot see each other: each has its
    /// part of the quota, all of what it did in the last minute counted in. Where a part is less than one call, a worker
    /// waits for as many windows as there are workers to a call.
    pub fn admit(&mut self, now: DateTime<Utc>, tokens: u32, quota: ModelQuota, workers: u32) -> Admission {
        let (requests, windows) = match quota.requests / workers {
            0 => (1, workers.div_ceil(quota.requests.max(1))),
            share => (share, 1),
        };
        let share = ModelQuota { requests, tokens: quota.tokens / workers };
        let window = WINDOW * windows;
        self.forget(now);
        let counting = |at: DateTime<Utc>| (at + window - now).to_std().ok().filter(|left| !left.is_zero());
        let (mut count, mut sum) = (0_u32, 0_u64);
        // From the newest back to the one that must have left before there is room.
        for (at, used) in self.calls.iter().rev() {
            let Some(left) = counting(*at) else { break };
            count += 1;
            sum += u64::from(*used);
            if count >= share.requests || sum + u64::from(tokens.min(share.tokens)) > u64::from(share.tokens)
            {
                return Admission::Wait(left, WaitReason::Quota);
            }
        }
        Admission::Go
    }

    /// Drops what no share however small looks back to.
    fn forget(&mut self, now: DateTime<Utc>) {
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
    fn a_worker_makes_its_part_of_the_calls_and_waits_for_the_oldest_to_leave() {
        let mut log = CallLog::default();
        for second in [0, 1] {
            assert_eq!(log.admit(at(second), 10, QUOTA, 5), Admission::Go);
            log.record(at(second), 10);
        }
        let wait = |seconds| Admission::Wait(Duration::from_secs(seconds), WaitReason::Quota);
        assert_eq!(log.admit(at(2), 10, QUOTA, 5), wait(60));
        assert_eq!(log.admit(at(61), 10, QUOTA, 5), wait(1));
        assert_eq!(log.admit(at(62), 10, QUOTA, 5), Admission::Go);
    }

    #[test]
    fn tokens_count_too_and_a_prompt_larger_than_the_part_has_its_turn() {
        let mut log = CallLog::default();
        log.record(at(0), 150);
        assert!(matches!(log.admit(at(1), 60, QUOTA, 5), Admission::Wait(..)));
        assert_eq!(log.admit(at(1), 50, QUOTA, 5), Admission::Go);
        assert!(matches!(log.admit(at(1), 900, QUOTA, 5), Admission::Wait(..)));
        assert_eq!(log.admit(at(62), 900, QUOTA, 5), Admission::Go);
    }

    #[test]
    fn less_than_one_call_a_worker_is_one_in_several_windows() {
        let mut log = CallLog::default();
        let quota = ModelQuota { requests: 2, tokens: 1_000 };
        log.record(at(0), 1);
        assert!(matches!(log.admit(at(185), 1, quota, 5), Admission::Wait(..)));
        assert_eq!(log.admit(at(186), 1, quota, 5), Admission::Go);
    }

    #[test]
    fn no_prompt_is_larger_than_the_quota() {
        assert_eq!(QUOTA.reservation(10), 10);
        assert_eq!(QUOTA.reservation(1_000_000), 1_000);
    }
}
