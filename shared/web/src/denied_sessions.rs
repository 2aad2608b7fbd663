//! Which sessions this process turned away a moment ago: nothing is read for them in advance.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::SessionId;
use tokio::time::Instant;

/// How many are remembered.
const CAPACITY: usize = 1_000;

/// Until when each of them need not come back.
#[derive(Debug, Default)]
pub(crate) struct DeniedSessions(Mutex<HashMap<SessionId, Instant>>);

impl DeniedSessions {
    /// Remembers for as long as `wait` that `session` was turned away. Where too many are, the others are forgotten.
    pub(crate) fn remember(&self, session: SessionId, wait: Duration) {
        let mut refusals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if refusals.len() >= CAPACITY {
            refusals.retain(|_, until| *until > now);
        }
        if refusals.len() >= CAPACITY {
            refusals.clear();
        }
        refusals.insert(session, now + wait);
    }

    /// Whether `session` was turned away and has come back too early.
    pub(crate) fn hold(&self, session: SessionId) -> bool {
        let refusals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.get(&session).is_some_and(|until| *until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_remembered_until_its_wait_is_over() {
        let session = || SessionId(Uuid::new_v4());
        let (refusals, one, another) = (DeniedSessions::default(), session(), session());
        refusals.remember(one, Duration::from_secs(2));
        assert!(refusals.hold(one) && !refusals.hold(another));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(!refusals.hold(one));
        for _ in 0..=2 * CAPACITY {
            refusals.remember(session(), Duration::from_mins(1));
        }
        assert!(refusals.0.lock().unwrap().len() <= CAPACITY);
    }
}
