//! Exponential backoff with jitter.

use std::time::Duration;

/// The longest delay that the doubling reaches. A delay that the other side requests may be longer.
pub const MAX_DELAY: Duration = Duration::from_mins(5);

/// The delay after attempt number `attempt` (from 1) has failed.
///
/// It is `base`, doubled for each further attempt up to [`MAX_DELAY`], and never below
/// `retry_after`, the delay that the other side requested. `jitter` (0.0 to 1.0) adds up to a
/// quarter, so that messages that failed together are not retried together.
#[must_use]
pub fn delay(attempt: i32, base: Duration, jitter: f64, retry_after: Option<Duration>) -> Duration {
    let doublings = u32::try_from(attempt - 1).unwrap_or(0).min(16);
    let exponential = base.saturating_mul(1 << doublings).min(MAX_DELAY);
    let delay = exponential.max(retry_after.unwrap_or_default());
    delay + delay.mul_f64(0.25 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_secs(2);

    #[test]
    fn delay_doubles_up_to_the_maximum() {
        let delays: Vec<u64> = (1..=4).map(|attempt| delay(attempt, BASE, 0.0, None).as_secs()).collect();
        assert_eq!(delays, [2, 4, 8, 16]);
        assert_eq!(delay(60, BASE, 0.0, None), MAX_DELAY);
        assert_eq!(delay(0, BASE, 0.0, None), BASE);
    }

    #[test]
    fn jitter_only_lengthens_the_delay() {
        assert_eq!(delay(1, BASE, 1.0, None), Duration::from_millis(2_500));
    }

    #[test]
    fn requested_delay_is_a_lower_bound() {
        assert_eq!(delay(1, BASE, 0.0, Some(Duration::from_secs(22))).as_secs(), 22);
        assert_eq!(delay(1, BASE, 0.0, Some(Duration::from_mins(10))).as_secs(), 600);
        assert_eq!(delay(4, BASE, 0.0, Some(Duration::from_secs(3))).as_secs(), 16);
    }
}
