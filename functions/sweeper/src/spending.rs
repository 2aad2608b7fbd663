//! Charges the reservations of calls to the model that never reported their end, because their worker
//! was killed. Google may bill such a call, so the whole amount counts as spent: released, it would let
//! the spending exceed a cap.

use std::time::Duration;

use app::AppState;
use store::spending::{self, ChargedReservation};
use tracing::warn;

use crate::SweepError;

/// Maximum number of reservations that one sweep charges.
const LIMIT: usize = 500;
/// How long a charged reservation is kept, so that a late worker still corrects the cost.
const LIFETIME: Duration = Duration::from_hours(24);
/// The number of reservations that one statement deletes.
const BATCH: i64 = 1_000;

/// Charges expired reservations and returns their number.
pub(crate) async fn charge_expired(app: &AppState) -> Result<usize, SweepError> {
    let (db, now, mut charged) = (app.db().await?, app.clock.now(), 0);
    while charged < LIMIT
        && let Some(ChargedReservation { user, micro_usd }) = spending::charge_expired(&db, now).await?
    {
        let user = user.map(|user| user.to_string());
        warn!(user.id = user, micro_usd, "charged a call that never reported its end");
        charged += 1;
    }
    while spending::delete_charged(&db, now - LIFETIME, BATCH).await? > 0 {}
    Ok(charged)
}
