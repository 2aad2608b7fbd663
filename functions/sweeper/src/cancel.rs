//! Cancels messages whose owner asked to stop the answer, and whose worker died before it did.

use app::AppState;
use store::generations::cancelling;

use crate::SweepError;

/// Maximum number of messages that one sweep cancels.
const LIMIT: i64 = 500;

/// Cancels such messages, and returns how many.
pub(crate) async fn cancel_abandoned(app: &AppState) -> Result<u64, SweepError> {
    Ok(cancelling::conclude_abandoned(&app.db().await?, app.clock.now(), LIMIT).await?)
}
