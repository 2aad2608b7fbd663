//! What nobody works on any more: messages whose way to the queue was lost, or whose worker died.
//!
//! The row is the outbox. A message that is unfinished and that no lease holds is put on the queue again, after a minute
//! at first and ever more rarely; one that came to the dead-letter queue is given
//! up when it has nothing left to try.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::message::ErrorCode;
use domain::{ChatroomId, MessageId};
use tokio_postgres::Row;

use crate::StoreError;
use crate::messages::admin::{self, Progress};

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

impl TryFrom<&Row> for Stranded {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: MessageId(row.try_get("id")?),
            chatroom_id: ChatroomId(row.try_get("chatroom_id")?),
            resend: row.try_get("resends")?,
        })
    }
}

/// Takes up to `limit` messages whose time to be swept has come, the longest overdue first: a minute after they came, or
/// after their lease or their wait ended. Counts the re-send; the next is due after `2^n` minutes (64 at most). Two
/// sweeps beside each other take different ones.
///
/// # Errors
/// When Postgres does not answer.
pub async fn take_stranded(
    db: &impl GenericClient,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Stranded>, StoreError> {
    const SQL: &str = "
        UPDATE messages SET resends = resends + 1,
            sweep_at = $1::timestamptz + interval '1 minute' * (1 << least(resends + 1, 6))
        WHERE id = ANY (ARRAY(
            SELECT id FROM messages WHERE sweep_at > '-infinity' AND sweep_at <= $1
            ORDER BY sweep_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ))
        RETURNING id, chatroom_id, resends";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&now, &limit]).await?;
    rows.iter().map(TryInto::try_into).collect()
}

/// Gives up a message whose job was delivered too often, for the reason `code`, and gives its unit of quota back, provided
/// that all of its `max_attempts` are used up or that it was put back `max_resends` times already since it was sent or revived. Another stays as it
/// is: its job failed for want of something else, such as Postgres, and the next sweep puts it back. Answers the message as
/// it is then; `None` when nothing was done.
///
/// # Errors
/// When Postgres does not answer.
pub async fn fail_dead_letter(
    db: &impl GenericClient,
    message: MessageId,
    code: ErrorCode,
    max_attempts: i32,
    max_resends: i32,
    now: DateTime<Utc>,
) -> Result<Option<Progress>, StoreError> {
    let sql = format!(
        "WITH buried AS (
            UPDATE messages SET processing_status = 'failed', error_code = $2, lease_owner = NULL, lease_until = NULL,
                sweep_at = NULL, updated_at = $3
            WHERE id = $1 AND message_type = 'user' AND processing_status IN ('pending', 'processing')
                AND (lease_until IS NULL OR lease_until <= $3) AND (attempts >= $4 OR resends - resends_before >= $5)
            RETURNING *
        ), refunded AS (
            UPDATE daily_usage d SET messages = greatest(d.messages - 1, 0)
            FROM buried WHERE d.user_id = buried.user_id AND d.day = buried.quota_day
        )
        SELECT {} FROM buried",
        admin::COLUMNS
    );
    let statement = db.prepare_cached(&sql).await?;
    let row =
        db.query_opt(&statement, &[&message.0, &code.as_str(), &now, &max_attempts, &max_resends]).await?;
    row.as_ref().map(TryInto::try_into).transpose()
}

/// What is left to do, now or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// Whether a message is unfinished, or a deletion.
    pub is_anything: bool,
    /// When a subscription is to be compared with Stripe next.
    pub next_review_at: Option<DateTime<Utc>>,
}

/// Looks whether anything is left to do.
///
/// # Errors
/// When Postgres does not answer.
pub async fn find_pending(db: &impl GenericClient) -> Result<Pending, StoreError> {
    const SQL: &str = "
        SELECT EXISTS (SELECT FROM messages WHERE sweep_at > '-infinity')
                OR EXISTS (SELECT FROM users WHERE deleted_at IS NOT NULL) AS is_anything,
            (SELECT min(review_at) FROM subscriptions) AS next_review_at";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_one(&statement, &[]).await?;
    Ok(Pending { is_anything: row.try_get("is_anything")?, next_review_at: row.try_get("next_review_at")? })
}
