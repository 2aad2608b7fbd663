//! Injected faults: one for each of the next calls to Stripe's API.

use std::time::Duration;

use serde::Deserialize;

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Does nothing and responds with this status, from 400 to 599.
    Status {
        status: u16,
    },
    /// Does the call and closes the connection before the response.
    Lost,
    /// Does the call and delays the response.
    Slow {
        ms: u64,
    },
    /// Does the call and responds with HTML.
    Garbage,
    None,
}

impl Fault {
    pub fn delay(self) -> Duration {
        match self {
            Self::Slow { ms } => Duration::from_millis(ms),
            _ => Duration::ZERO,
        }
    }
}
