//! The sources of time and randomness. All other code takes them as arguments.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rand::CryptoRng;

/// The system's clock, which tests can move forward.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// Milliseconds by which this clock is ahead of the system's.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// The current time in whole microseconds, the precision of Postgres.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the source of time")]
    pub fn now(&self) -> DateTime<Utc> {
        let now = Utc::now() + TimeDelta::milliseconds(self.ahead.load(Ordering::Relaxed));
        now.trunc_subsecs(6)
    }

    /// Moves this clock and all its clones forward by `step`.
    pub fn advance(&self, step: TimeDelta) {
        self.ahead.fetch_add(step.num_milliseconds(), Ordering::Relaxed);
    }
}

/// A cryptographically secure random number generator.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the source of randomness")]
pub fn rng() -> impl CryptoRng {
    rand::rng()
}
