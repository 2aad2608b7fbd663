//! Adds generations to messages from before the release that introduced them.

use std::time::Duration;

use app::AppState;
use store::generations::backfill::{Backfill, run_batch};
use tokio::time::Instant;

use crate::SweepError;

/// Maximum time that one sweep spends on it.
const MAX_TIME: Duration = Duration::from_secs(8);
/// The number of messages that one statement examines.
const BATCH: i64 = 1_000;

/// Adds generations for [`MAX_TIME`] and returns their number. The next sweep continues.
pub(crate) async fn add_generations(app: &AppState) -> Result<u64, SweepError> {
    let (deadline, mut total) = (Instant::now() + MAX_TIME, 0);
    let db = app.db().await?;
    while let Backfill::Advanced { added } = run_batch(&db, app.clock.now(), BATCH).await? {
        total += added;
        if Instant::now() >= deadline {
            break;
        }
    }
    Ok(total)
}
