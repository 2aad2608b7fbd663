//! What the sweeper does with unfinished generations of all users: it resends stranded ones and fails
//! exhausted ones.
//!
//! The row is the outbox: a generation is stranded if its `sweep_at` has passed. Its queue message was
//! lost, or its worker died. `sweep_at` alone decides, because a claim moves it past the end of the
//! lease and a final state clears it.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::GenerationId;
use domain::message::ErrorCode;

use crate::StoreError;
use crate::generations::Resend;
use crate::generations::progress::{self, Progress};

/// Claims up to `limit` stranded generations for a resend, the longest overdue first. One is due
/// one minute after it was accepted, or after its lease or its wait has ended. Counts the resend
/// and schedules the next one in `2^n` minutes, at most 64. Concurrent sweeps claim different
/// ones. The condition `sweep_at > '-infinity'` matches the partial index.
pub async fn claim_stranded(
    db: &impl GenericClient,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Resend>, StoreError> {
    const SQL: &str = "
        UPDATE generations SET resends = resends + 1,
            sweep_at = $1::timestamptz + interval '1 minute' * (1 << least(resends + 1, 6))
        WHERE id = ANY (ARRAY(
            SELECT id FROM generations WHERE sweep_at > '-infinity' AND sweep_at <= $1
            ORDER BY sweep_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ))
        RETURNING id, chatroom_id, resends, traceparent, request_id";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&now, &limit]).await?;
    rows.iter().map(TryInto::try_into).collect()
}

/// Marks a generation from the dead-letter queue failed with `code` and refunds its quota unit, if it
/// is exhausted: it has used all `max_attempts`, or was resent `max_resends` times since it was
/// requested or retried. Another one stays unchanged; its job failed for another reason, such as an
/// outage of Postgres, and the next sweep resends it. So does one whose owner asked to stop it, which
/// a sweep cancels. Returns the failed generation, or `None` if
/// nothing was changed.
pub async fn fail_if_exhausted(
    db: &impl GenericClient,
    generation: GenerationId,
    code: ErrorCode,
    max_attempts: i32,
    max_resends: i32,
    now: DateTime<Utc>,
) -> Result<Option<Progress>, StoreError> {
    let sql = format!(
        "WITH failed AS (
            UPDATE generations SET status = 'failed', error_code = $2, lease_owner = NULL, lease_until = NULL,
                lease_slot = NULL, sweep_at = NULL, wait_reason = NULL, updated_at = $3
            WHERE id = $1 AND status IN ('pending', 'processing')
                AND (status = 'pending' OR cancel_requested_at IS NULL)
                AND (lease_until IS NULL OR lease_until <= $3) AND (attempts >= $4 OR resends - resends_before >= $5)
            RETURNING *
        ), refunded AS (
            UPDATE daily_usage d SET messages = greatest(d.messages - 1, 0), refunds = d.refunds + 1
            FROM failed WHERE d.user_id = failed.user_id AND d.day = failed.quota_day
                AND d.refunds < coalesce(d.refund_limit, d.refunds + 1)
        )
        SELECT {} FROM failed",
        progress::COLUMNS
    );
    let statement = db.prepare_cached(&sql).await?;
    let row =
        db.query_opt(&statement, &[&generation.0, &code.as_str(), &now, &max_attempts, &max_resends]).await?;
    row.as_ref().map(TryInto::try_into).transpose()
}
