//! Ends of sessions, told to all who may still hold that these last.

use std::time::Duration;

use clients::redis::sessions::SESSION_CACHE_TTL;
use domain::SessionId;
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::AppState;
use crate::telemetry::chain;

/// How long somebody may have been about to keep an entry when its session ended.
const ON_ITS_WAY: Duration = Duration::from_secs(2);
/// How often a Redis that does not answer is told again.
const PAUSE: Duration = Duration::from_secs(1);

impl AppState {
    /// Has nobody hold any more that `ended` last, which Postgres has forgotten already. Where Redis cannot be told this takes
    /// as long as an entry there can live: once it returns, the tokens of these sessions open nothing anywhere.
    pub async fn forget_sessions(&self, ended: &[SessionId]) {
        let begun = Instant::now();
        while let Err(error) = self.redis.mark_sessions_ended(ended).await {
            let left = (SESSION_CACHE_TTL + ON_ITS_WAY).saturating_sub(begun.elapsed());
            if left.is_zero() {
                warn!(error = chain(&error), sessions = ended.len(), "sessions were ended by waiting");
                return;
            }
            sleep(left.min(PAUSE)).await;
        }
    }
}
