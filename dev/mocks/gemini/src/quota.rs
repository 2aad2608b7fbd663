//! Google's quota a minute: requests and input tokens of one model, over any 60 seconds.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Google's minute.
const WINDOW: Duration = Duration::from_mins(1);

/// What each model allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) requests: usize,
    pub(super) tokens: usize,
}

/// The calls of the last minute, where there is a limit, and those that were over it.
#[derive(Debug, Default)]
pub(super) struct Quota {
    limit: Option<Limit>,
    calls: HashMap<String, VecDeque<(Instant, usize)>>,
    over: u64,
}

impl Quota {
    /// From now on this holds, or nothing does.
    pub(super) fn set(&mut self, limit: Option<Limit>) {
        *self = Self { limit, ..Self::default() };
    }

    /// Calls refused since the limit was set.
    pub(super) fn over(&self) -> u64 {
        self.over
    }

    /// Counts a call to `model`. One that is over the limit is told how long to wait, and does not count.
    pub(super) fn take(&mut self, model: &str, tokens: usize, now: Instant) -> Result<(), Duration> {
        let Some(limit) = self.limit else { return Ok(()) };
        let calls = self.calls.entry(model.to_owned()).or_default();
        while calls.front().is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            calls.pop_front();
        }
        let sum: usize = calls.iter().map(|(_, tokens)| tokens).sum();
        if calls.len() >= limit.requests || sum + tokens > limit.tokens {
            self.over += 1;
            let oldest = calls.front().map_or(now, |(at, _)| *at);
            return Err(WINDOW.saturating_sub(now.duration_since(oldest)));
        }
        calls.push_back((now, tokens));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_minute_has_so_many_requests_and_tokens_of_a_model() {
        let mut quota = Quota::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(quota.take("a", 1_000_000, start), Ok(()), "without a limit");
        quota.set(Some(Limit { requests: 2, tokens: 100 }));
        assert_eq!(quota.take("a", 50, at(0)), Ok(()));
        assert_eq!(quota.take("a", 51, at(1)), Err(Duration::from_secs(59)), "too many tokens");
        assert_eq!(quota.take("a", 50, at(30)), Ok(()));
        assert_eq!(quota.take("a", 0, at(59)), Err(Duration::from_secs(1)), "too many requests");
        assert_eq!(quota.take("b", 50, at(59)), Ok(()), "another model");
        assert_eq!(quota.take("a", 50, at(60)), Ok(()));
        assert_eq!(quota.over(), 2);
    }
}
