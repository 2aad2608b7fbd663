//! Ends the generations of an account that is suspended or deleted.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::UserId;

use crate::StoreError;
use crate::generations::IS_REFUNDABLE;

/// Cancels all unfinished generations of `user`, so that no worker calls the model for them, and
/// refunds the units of those that the model has not worked for, within the day's limit. Returns the
/// number of cancelled generations.
///
/// A message whose transaction began before the suspension may still be inserted after this call;
/// [`claim_next`](super::claiming::claim_next) does not give its generation to a worker.
pub async fn cancel_all(
    db: &impl GenericClient,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let sql = format!(
        "WITH unfinished AS (
            SELECT g.id, {IS_REFUNDABLE} AS is_refundable FROM chatrooms c
            JOIN generations g ON g.chatroom_id = c.id AND g.sweep_at IS NOT NULL
            WHERE c.user_id = $1 ORDER BY g.id FOR UPDATE OF g
        ), cancelled AS (
            UPDATE generations g SET status = 'cancelled', lease_owner = NULL, lease_until = NULL, lease_slot = NULL,
                sweep_at = NULL, updated_at = $2
            FROM unfinished WHERE g.id = unfinished.id
            RETURNING g.quota_day, unfinished.is_refundable
        ), units AS (
            SELECT quota_day, count(*)::integer AS count FROM cancelled
            WHERE is_refundable GROUP BY quota_day
        ), refundable AS (
            SELECT d.day, least(units.count, greatest(coalesce(d.refund_limit - d.refunds, units.count), 0)) AS count
            FROM units JOIN daily_usage d ON d.user_id = $1 AND d.day = units.quota_day
        ), refunded AS (
            UPDATE daily_usage d SET messages = greatest(d.messages - refundable.count, 0),
                refunds = d.refunds + refundable.count
            FROM refundable WHERE d.user_id = $1 AND d.day = refundable.day
        )
        SELECT count(*) FROM cancelled"
    );
    let statement = db.prepare_cached(&sql).await?;
    Ok(db.query_one(&statement, &[&user.0, &now]).await?.try_get(0)?)
}
