//! The schedule that cannot be beaten.

use std::time::Duration;

use crate::sample::Sample;

/// A burst in which nothing takes time but Gemini: every worker has a full batch from the first moment on, and the next one
/// as soon as it has answered that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ideal {
    pub(super) messages: usize,
    pub(super) workers: usize,
    /// The most messages of one invocation, which are asked for at the same time.
    pub(super) batch: usize,
    /// How long Gemini takes.
    pub(super) latency: Duration,
}

impl Ideal {
    /// How many are asked for at once.
    pub(super) fn at_once(&self) -> usize {
        self.workers * self.batch
    }

    /// When the last answer is there.
    pub(super) fn makespan(&self) -> Duration {
        self.rounds(self.messages.div_ceil(self.at_once()))
    }

    /// How long each message waits for its call.
    pub(super) fn waits(&self) -> Sample {
        let mut waits = Sample::default();
        for number in 0..self.messages {
            waits.push(self.rounds(number / self.at_once()));
        }
        waits
    }

    fn rounds(&self, rounds: usize) -> Duration {
        self.latency * u32::try_from(rounds).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_wait_but_those_of_the_first_round() {
        let latency = Duration::from_millis(200);
        let ideal = Ideal { messages: 1_000, workers: 5, batch: 1, latency };
        assert_eq!(ideal.makespan(), Duration::from_secs(40));
        assert_eq!(ideal.waits().percentile(100), Some(Duration::from_millis(39_800)));
        let ideal = Ideal { messages: 101, workers: 5, batch: 10, latency };
        assert_eq!(ideal.makespan(), latency * 3, "a round may have one message");
        assert_eq!(ideal.waits().percentile(0), Some(Duration::ZERO));
        assert_eq!(ideal.waits().median(), Some(latency));
    }
}
