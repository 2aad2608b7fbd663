//! [`DeniedSessions`]: sessions that this process refused a moment ago. Their reads wait
//! for the session check.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::SessionId;
use tokio::time::Instant;

/// The maximum number of stored sessions.
const CAPACITY: usize = 1_000;

/// Each refused session, with the time at which its entry expires.
#[derive(Debug, Default)]
pub(crate) struct DeniedSessions(Mutex<HashMap<SessionId, Instant>>);

impl DeniedSessions {
    /// Stores `session` for `duration`. Deletes all other entries when the store is full.
    pub(crate) fn insert(&self, session: SessionId, duration: Duration) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if sessions.len() >= CAPACITY {
            sessions.retain(|_, until| *until > now);
        }
        if sessions.len() >= CAPACITY {
            sessions.clear();
        }
        sessions.insert(session, now + duration);
    }

    /// Whether `session` was refused and its entry has not expired.
    pub(crate) fn contains(&self, session: SessionId) -> bool {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(&session).is_some_and(|until| *until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn session_is_remembered_for_its_duration_and_the_number_is_bounded() {
        let session = || SessionId(Uuid::new_v4());
        let (denied, one, another) = (DeniedSessions::default(), session(), session());
        denied.insert(one, Duration::from_secs(2));
        assert!(denied.contains(one) && !denied.contains(another));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(!denied.contains(one));
        for _ in 0..=2 * CAPACITY {
            denied.insert(session(), Duration::from_mins(1));
        }
        assert!(denied.0.lock().unwrap().len() <= CAPACITY);
    }
}
