//! What nobody works on any more: messages whose way to the queue was lost, or whose worker died.
//!
//! The row is the outbox. A message that is unfinished and that no lease holds is put on the queue again, after a minute
//! at first and ever more rarely; one that came to the dead-letter queue is given up.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::message::ErrorCode;
use domain::{ChatroomId, MessageId, UserId};

use crate::StoreError;

/// A message to be put on the queue again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stranded {
    /// The message.
    pub id: MessageId,
    /// Its room.
    pub chatroom_id: ChatroomId,
    /// The number of this re-send, from 1.
    pub resend: i32,
}

/// Takes up to `limit` messages that have waited without a lease for a minute since they came or for `2^n` minutes since
/// their re-send number `n` (64 at most), the oldest first, and counts the re-send. Two sweeps beside each other take
/// different ones.
///
/// # Errors
/// When Postgres does not answer.
pub async fn take_stranded(
    db: &impl GenericClient,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Stranded>, StoreError> {
    const SQL: &str = "
        UPDATE messages SET resends = resends + 1, resent_at = $1
        WHERE id IN (
            SELECT id FROM messages
            WHERE processing_status IN ('pending', 'processing')
                AND greatest(created_at, lease_until, resent_at)
                    + interval '1 minute' * (1 << least(resends, 6)) <= $1
            ORDER BY created_at LIMIT $2
            FOR UPDATE SKIP LOCKED
        )
        RETURNING id, chatroom_id, resends";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&now, &limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(Stranded {
                id: MessageId(row.try_get("id")?),
                chatroom_id: ChatroomId(row.try_get("chatroom_id")?),
                resend: row.try_get("resends")?,
            })
        })
        .collect()
}

/// Gives up a message that nobody could even try to answer, for the reason `code`, and gives its unit of quota back.
/// Answers the owner; `None` when it was finished already, is held under a lease, or is gone.
///
/// # Errors
/// When Postgres does not answer.
pub async fn bury(
    db: &impl GenericClient,
    message: MessageId,
    code: ErrorCode,
    now: DateTime<Utc>,
) -> Result<Option<UserId>, StoreError> {
    const SQL: &str = "
        WITH buried AS (
            UPDATE messages SET processing_status = 'failed', error_code = $2, lease_owner = NULL, lease_until = NULL,
                updated_at = $3
            WHERE id = $1 AND message_type = 'user' AND processing_status IN ('pending', 'processing')
                AND (lease_until IS NULL OR lease_until <= $3)
            RETURNING user_id, quota_day
        ), refunded AS (
            UPDATE daily_usage d SET messages = greatest(d.messages - 1, 0)
            FROM buried WHERE d.user_id = buried.user_id AND d.day = buried.quota_day
        )
        SELECT user_id FROM buried";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_opt(&statement, &[&message.0, &code.as_str(), &now]).await?;
    row.map(|row| Ok(UserId(row.try_get("user_id")?))).transpose()
}
