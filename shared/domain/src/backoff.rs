//! Exponential backoff with jitter, and growing waits.

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

/// The shortest wait after a refusal. Google cuts its retry delay to whole seconds, `0s` too.
pub const MIN_WAIT: Duration = Duration::from_secs(1);

/// The wait after a refusal, when the message has waited for `waited` in all. It is at least
/// `retry_after` and [`MIN_WAIT`], and doubles the total up to [`MAX_DELAY`] at a time, so that the
/// number of calls grows with the logarithm of the time.
#[must_use]
pub fn growing_wait(waited: Duration, retry_after: Option<Duration>) -> Duration {
    waited.clamp(MIN_WAIT, MAX_DELAY).max(retry_after.unwrap_or_default())
}

/// The deliveries of one job after which [`delivery_floor`] applies.
const FREE_DELIVERIES: i32 = 20;

/// The shortest delay before the next delivery of a job that was delivered `receive_count` times.
/// It grows after the first 20, so that a job that waits for a long time never reaches the
/// `maxReceiveCount` of the queue, 50, and becomes a dead letter: the other 30 deliveries take more
/// than an hour.
#[must_use]
pub fn delivery_floor(receive_count: i32) -> Duration {
    match receive_count - FREE_DELIVERIES {
        1.. => delay(receive_count - FREE_DELIVERIES, MIN_WAIT, 0.0, None),
        _ => Duration::ZERO,
    }
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
    #[test]
    fn refusals_without_a_delay_make_a_logarithmic_number_of_calls() {
        let (mut waited, mut calls) = (Duration::ZERO, 0);
        while waited < Duration::from_mins(8) {
            calls += 1;
            waited += growing_wait(waited, Some(Duration::ZERO));
        }
        assert_eq!(calls, 10);
    }

    #[test]
    fn longer_requested_wait_is_kept() {
        assert_eq!(growing_wait(Duration::from_secs(3), Some(Duration::from_secs(22))).as_secs(), 22);
        assert_eq!(growing_wait(Duration::from_hours(1), None), MAX_DELAY);
    }

    #[test]
    fn fifty_deliveries_take_longer_than_any_wait() {
        let total: Duration = (1..50).map(delivery_floor).sum();
        assert!(total > Duration::from_hours(1), "{total:?}");
        assert_eq!(delivery_floor(20), Duration::ZERO);
    }
}
