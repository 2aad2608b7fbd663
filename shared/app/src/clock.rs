//! Where time and randomness come from. Everything else takes them as arguments.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rand::CryptoRng;

/// The time, which tests can move.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// Milliseconds that this clock is ahead of the system's.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// Now, in whole microseconds: what Postgres keeps of a time is then all there is.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where time comes from")]
    pub fn now(&self) -> DateTime<Utc> {
        let now = Utc::now() + TimeDelta::milliseconds(self.ahead.load(Ordering::Relaxed));
        now.trunc_subsecs(6)
    }

    /// Moves this clock and all its clones on by `step`.
    pub fn advance(&self, step: TimeDelta) {
        self.ahead.fetch_add(step.num_milliseconds(), Ordering::Relaxed);
    }
}

/// Randomness fit for secrets.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is where randomness comes from")]
pub fn rng() -> impl CryptoRng {
    rand::rng()
}
