//! Google's quota per minute: requests and input tokens of one model in any 60 seconds.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub requests: usize,
    pub tokens: usize,
}

/// A sliding window of accepted calls per model, and the number of rejected ones.
#[derive(Debug, Default)]
pub struct Quota {
    limit: Option<Limit>,
    calls: HashMap<String, VecDeque<(Instant, usize)>>,
    pub rejected: u64,
}

impl Quota {
    pub fn new(limit: Option<Limit>) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Counts a call to `model`. A call over the limit is not counted; the error is its retry
    /// delay.
    pub fn admit(&mut self, model: &str, tokens: usize, now: Instant) -> Result<(), Duration> {
        let Some(limit) = self.limit else { return Ok(()) };
        let calls = self.calls.entry(model.to_owned()).or_default();
        while calls.front().is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            calls.pop_front();
        }
        let sum: usize = calls.iter().map(|(_, tokens)| tokens).sum();
        if calls.len() >= limit.requests || sum + tokens > limit.tokens {
            self.rejected += 1;
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
    fn requests_and_tokens_of_a_model_are_limited_in_any_minute() {
        let mut quota = Quota::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(quota.admit("a", 1_000_000, start), Ok(()), "without a limit");
        let mut quota = Quota::new(Some(Limit { requests: 2, tokens: 100 }));
        assert_eq!(quota.admit("a", 50, at(0)), Ok(()));
        assert_eq!(quota.admit("a", 51, at(1)), Err(Duration::from_secs(59)), "too many tokens");
        assert_eq!(quota.admit("a", 50, at(30)), Ok(()));
        assert_eq!(quota.admit("a", 0, at(59)), Err(Duration::from_secs(1)), "too many requests");
        assert_eq!(quota.admit("b", 50, at(59)), Ok(()), "another model");
        assert_eq!(quota.admit("a", 50, at(60)), Ok(()));
        assert_eq!(quota.rejected, 2);
    }
}
