//! Adds search tokens to messages from before the release that introduced them.

use std::time::Duration;

use app::AppState;
use store::messages::search_backfill::{Backfill, run_batch};
use tokio::time::Instant;

use crate::SweepError;

/// Maximum time that one sweep spends on it.
const MAX_TIME: Duration = Duration::from_secs(8);
/// The number of messages that one statement updates.
const BATCH: i64 = 200;

/// Adds tokens for [`MAX_TIME`] and returns the number of messages that received them. The next
/// sweep continues.
pub(crate) async fn add_search_tokens(app: &AppState) -> Result<u64, SweepError> {
    let (deadline, mut total) = (Instant::now() + MAX_TIME, 0);
    let db = app.db().await?;
    while let Backfill::Advanced { updated } = run_batch(&db, app.clock.now(), BATCH).await? {
        total += updated;
        if Instant::now() >= deadline {
            break;
        }
    }
    Ok(total)
}
