//! What goes wrong on purpose: one fault for each of the next calls of clients.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Deserialize;

/// A fault.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Fault {
    /// Nothing is done, and this status is answered.
    Status {
        /// From 400 to 599.
        status: u16,
    },
    /// It is done, and the answer is lost: the connection is cut.
    Lost,
    /// It is done, and answered late.
    Slow {
        /// How late, in milliseconds.
        ms: u64,
    },
    /// What is answered is not what it should be.
    Garbage,
    /// None: the call is left alone.
    None,
}

/// Those to come.
#[derive(Debug, Default)]
pub(super) struct Faults(VecDeque<Fault>);

impl Faults {
    pub(super) fn set(&mut self, faults: Vec<Fault>) {
        self.0 = faults.into();
    }

    pub(super) fn take(&mut self) -> Fault {
        self.0.pop_front().unwrap_or(Fault::None)
    }
}

impl Fault {
    pub(super) fn delay(self) -> Duration {
        match self {
            Self::Slow { ms } => Duration::from_millis(ms),
            _ => Duration::ZERO,
        }
    }
}
