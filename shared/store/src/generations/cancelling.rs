//! How a generation in progress is cancelled. Its owner asks for it ([`owner_actions::cancel`]); the
//! worker that holds the lease stores what it has and concludes it, or the sweeper if the worker has
//! died.
//!
//! [`owner_actions::cancel`]: super::owner_actions::cancel

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use crate::StoreError;
use crate::generations::processing::Lease;

/// Whether the owner has asked to stop the generation under this lease.
pub async fn is_requested(db: &impl GenericClient, lease: Lease) -> Result<bool, StoreError> {
    const SQL: &str = "
        SELECT id FROM generations
        WHERE id = $1 AND lease_owner = $2 AND status = 'processing' AND cancel_requested_at IS NOT NULL";
    let statement = db.prepare_cached(SQL).await?;
    Ok(db.query_opt(&statement, &[&lease.generation_id.0, &lease.owner]).await?.is_some())
}

/// Cancels a generation without an answer whose owner asked to stop it, if the caller still owns the
/// lease. Refunds its quota unit if `is_refunded`. Returns whether it did.
pub async fn conclude(
    db: &impl GenericClient,
    lease: Lease,
    is_refunded: bool,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    const SQL: &str = "
        WITH cancelled AS (
            UPDATE generations SET status = 'cancelled', lease_owner = NULL, lease_until = NULL, lease_slot = NULL,
                sweep_at = NULL, updated_at = $4
            WHERE id = $1 AND lease_owner = $2 AND status = 'processing' AND cancel_requested_at IS NOT NULL
            RETURNING user_id, quota_day
        ), refunded AS (
            UPDATE daily_usage d SET messages = greatest(d.messages - 1, 0), refunds = d.refunds + 1
            FROM cancelled WHERE d.user_id = cancelled.user_id AND d.day = cancelled.quota_day AND $3
                AND d.refunds < coalesce(d.refund_limit, d.refunds + 1)
        )
        SELECT user_id FROM cancelled";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_opt(&statement, &[&lease.generation_id.0, &lease.owner, &is_refunded, &now]).await?;
    Ok(row.is_some())
}

/// Cancels up to `limit` generations whose owner asked to stop them and whose worker has died: its
/// lease has expired. They keep their quota unit, because the worker may have called the model.
/// Returns their number.
pub async fn conclude_abandoned(
    db: &impl GenericClient,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<u64, StoreError> {
    // `sweep_at` is a minute after the end of the lease and has an index.
    const SQL: &str = "
        UPDATE generations SET status = 'cancelled', lease_owner = NULL, lease_until = NULL, lease_slot = NULL,
            sweep_at = NULL, updated_at = $1
        WHERE id = ANY (ARRAY(
            SELECT id FROM generations
            WHERE sweep_at > '-infinity' AND sweep_at <= $1::timestamptz + interval '1 minute'
                AND status = 'processing' AND cancel_requested_at IS NOT NULL AND lease_until <= $1
            ORDER BY sweep_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ))";
    let statement = db.prepare_cached(SQL).await?;
    Ok(db.execute(&statement, &[&now, &limit]).await?)
}
