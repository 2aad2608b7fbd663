//! How long to wait before the next attempt.

use std::time::Duration;

/// The longest wait between two attempts that nobody asked for.
pub const LONGEST: Duration = Duration::from_mins(5);

/// The wait after attempt number `attempt` (from 1) has failed: `base`, doubled for each further attempt, at most
/// [`LONGEST`], of which up to a quarter is added by `jitter` (0.0 to 1.0) so that those who failed together do not
/// come back together. What the other side asked for (`asked`) is never undercut.
#[must_use]
pub fn delay(attempt: i32, base: Duration, jitter: f64, asked: Option<Duration>) -> Duration {
    let doublings = u32::try_from(attempt - 1).unwrap_or(0).min(16);
    let exponential = base.saturating_mul(1 << doublings).min(LONGEST);
    let wanted = exponential.max(asked.unwrap_or_default());
    wanted + wanted.mul_f64(0.25 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_secs(2);

    #[test]
    fn the_wait_doubles_up_to_its_bound() {
        let waits: Vec<u64> = (1..=4).map(|attempt| delay(attempt, BASE, 0.0, None).as_secs()).collect();
        assert_eq!(waits, [2, 4, 8, 16]);
        assert_eq!(delay(60, BASE, 0.0, None), LONGEST);
        assert_eq!(delay(0, BASE, 0.0, None), BASE);
    }

    #[test]
    fn jitter_only_adds() {
        assert_eq!(delay(1, BASE, 1.0, None), Duration::from_millis(2_500));
    }

    #[test]
    fn what_was_asked_for_is_never_undercut() {
        assert_eq!(delay(1, BASE, 0.0, Some(Duration::from_secs(22))).as_secs(), 22);
        assert_eq!(delay(1, BASE, 0.0, Some(Duration::from_mins(10))).as_secs(), 600);
        assert_eq!(delay(4, BASE, 0.0, Some(Duration::from_secs(3))).as_secs(), 16);
    }
}
