//! Invalidation of cached sessions.

use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use clients::redis::sessions::SESSION_CACHE_TTL;
use domain::SessionId;
use tokio::time::{Instant, sleep};
use tracing::warn;

/// Maximum time between a request's read of a session from Postgres and its write to the cache.
const MAX_WRITE_DELAY: Duration = Duration::from_secs(2);
/// The wait between two attempts to reach Redis.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Invalidates the cached entries of sessions already deleted from Postgres. When it returns, every
/// instance rejects the tokens of these sessions: while Redis is unreachable, it waits until every
/// cached entry has expired.
pub async fn invalidate(app: &AppState, ended: &[SessionId]) {
    mark(app, ended, Change::Ended).await;
}

/// Invalidates the cached entries of sessions whose account was suspended in Postgres. When it
/// returns, every instance refuses their tokens, with the same guarantee as [`invalidate`].
pub async fn invalidate_suspended(app: &AppState, suspended: &[SessionId]) {
    mark(app, suspended, Change::Suspended).await;
}

/// Invalidates the cached entries of sessions whose account was restored in Postgres. When it returns,
/// every instance accepts their tokens, with the same guarantee as [`invalidate`].
pub async fn invalidate_restored(app: &AppState, restored: &[SessionId]) {
    mark(app, restored, Change::Restored).await;
}

#[derive(Clone, Copy)]
enum Change {
    Ended,
    Suspended,
    Restored,
}

async fn mark(app: &AppState, sessions: &[SessionId], change: Change) {
    let started = Instant::now();
    loop {
        let marked = match change {
            Change::Ended => app.redis.mark_sessions_ended(sessions).await,
            Change::Suspended => app.redis.mark_sessions_suspended(sessions).await,
            Change::Restored => app.redis.mark_sessions_changed(sessions).await,
        };
        let Err(error) = marked else { return };
        let remaining = (SESSION_CACHE_TTL + MAX_WRITE_DELAY).saturating_sub(started.elapsed());
        if remaining.is_zero() {
            let sessions = sessions.len();
            warn!(error = chain(&error), sessions, "Redis unreachable: waited for cached sessions to expire");
            return;
        }
        sleep(remaining.min(RETRY_DELAY)).await;
    }
}
