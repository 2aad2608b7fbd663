//! Times of one kind.

use std::time::Duration;

/// Times of one kind, in the order in which they were taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample(Vec<Duration>);

impl Sample {
    pub(super) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// The time that so many percent are below of, or nothing where there are none.
    pub(super) fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted.get((sorted.len().saturating_sub(1)) * percent / 100).copied()
    }

    /// What Lambda bills for one of them on the average: each in milliseconds, begun ones counted.
    pub(super) fn billed_ms(&self) -> f64 {
        let billed = |time: &Duration| (time.as_secs_f64() * 1e3).ceil();
        self.0.iter().map(billed).sum::<f64>() / u32::try_from(self.0.len().max(1)).map_or(1.0, f64::from)
    }

    pub(super) fn median(&self) -> Option<Duration> {
        self.percentile(50)
    }
}

/// A time in milliseconds, for people.
pub(super) fn milliseconds(time: Option<Duration>) -> String {
    time.map_or("–".to_owned(), |time| format!("{:.2}", time.as_secs_f64() * 1_000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_times() {
        let mut sample = Sample::default();
        assert_eq!(sample.median(), None);
        for number in [5, 1, 4, 2, 3] {
            sample.push(Duration::from_millis(number));
        }
        assert_eq!(sample.median(), Some(Duration::from_millis(3)));
        assert_eq!(sample.percentile(99), Some(Duration::from_millis(4)));
        assert_eq!(milliseconds(sample.percentile(100)), "5.00");
    }

    #[test]
    fn a_millisecond_that_has_begun_is_billed() {
        let mut sample = Sample::default();
        for micros in [900, 1_100, 3_000] {
            sample.push(Duration::from_micros(micros));
        }
        assert!((sample.billed_ms() - 2.0).abs() < 1e-9);
    }
}
