//! A sample of measured times.

use std::time::Duration;

#[derive(Debug, Clone, Default)]
pub(crate) struct Sample(Vec<Duration>);

impl Sample {
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// `None` of an empty sample.
    pub(crate) fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted.get((sorted.len().saturating_sub(1)) * percent / 100).copied()
    }

    pub(crate) fn median(&self) -> Option<Duration> {
        self.percentile(50)
    }

    /// The average duration that Lambda bills: each is rounded up to a whole millisecond.
    pub(crate) fn billed_ms(&self) -> f64 {
        self.0.iter().map(|time| ms(*time).ceil()).sum::<f64>()
            / u32::try_from(self.0.len().max(1)).map_or(1.0, f64::from)
    }
}

impl FromIterator<Duration> for Sample {
    fn from_iter<T: IntoIterator<Item = Duration>>(times: T) -> Self {
        Self(times.into_iter().collect())
    }
}

pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// How many times longer `long` is than `short`.
pub(crate) fn ratio(long: Option<Duration>, short: Option<Duration>) -> Option<f64> {
    Some(long?.as_secs_f64() / short?.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_sorted_times_and_billed_times_are_rounded_up() {
        assert_eq!(Sample::default().median(), None);
        let sample: Sample = [5, 1, 4, 2, 3].map(Duration::from_millis).into_iter().collect();
        assert_eq!(sample.median(), Some(Duration::from_millis(3)));
        assert_eq!(sample.percentile(99), Some(Duration::from_millis(4)));
        let sample: Sample = [900, 1_100, 3_000].map(Duration::from_micros).into_iter().collect();
        assert!((sample.billed_ms() - 2.0).abs() < 1e-9);
    }
}
