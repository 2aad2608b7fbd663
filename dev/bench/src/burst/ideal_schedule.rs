//! The fastest possible schedule of a burst.

use std::time::Duration;

use crate::sample::Sample;

/// A schedule in which only Gemini takes time: each worker starts with a full batch and gets the
/// next one at once.
pub(super) struct IdealSchedule {
    pub(super) messages: usize,
    /// Concurrent invocations of the worker.
    pub(super) concurrency: usize,
    /// Messages per invocation, which are sent to Gemini concurrently.
    pub(super) batch_size: usize,
    pub(super) latency: Duration,
}

impl IdealSchedule {
    /// The time until the last answer.
    pub(super) fn makespan(&self) -> Duration {
        self.latency * self.rounds()
    }

    /// The number of rounds in which all workers call Gemini at the same time.
    pub(super) fn rounds(&self) -> u32 {
        rounds(self.messages.div_ceil(self.round_size()))
    }

    /// The wait of each message for its call to Gemini.
    pub(super) fn waits(&self) -> Sample {
        (0..self.messages).map(|number| self.latency * rounds(number / self.round_size())).collect()
    }

    fn round_size(&self) -> usize {
        self.concurrency * self.batch_size
    }
}

fn rounds(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_wait_for_the_rounds_before_theirs() {
        let latency = Duration::from_millis(200);
        let ideal = IdealSchedule { messages: 1_000, concurrency: 5, batch_size: 1, latency };
        assert_eq!(ideal.makespan(), Duration::from_secs(40));
        assert_eq!(ideal.waits().percentile(100), Some(Duration::from_millis(39_800)));
        let ideal = IdealSchedule { messages: 101, concurrency: 5, batch_size: 10, latency };
        assert_eq!(ideal.makespan(), latency * 3, "the last round has one message");
        assert_eq!(ideal.waits().percentile(0), Some(Duration::ZERO));
        assert_eq!(ideal.waits().median(), Some(latency));
    }
}
