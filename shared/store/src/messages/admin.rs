//! What operators do with the messages of all users: count the backlog, and list, retry or dismiss
//! failed messages. These functions return ids and reasons, never text.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::MessageId;
use domain::message::ErrorCode;

use crate::StoreError;
use crate::messages::Resend;
use crate::messages::progress::{COLUMNS, Progress};

/// The number of unfinished messages, by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Ready for a worker.
    pub waiting: i64,
    /// Leased by a worker.
    pub active: i64,
    /// Not due yet: in backoff, or waiting for the model.
    pub delayed: i64,
}

/// Counts the unfinished messages of all users. Reads only the partial index of unfinished
/// messages.
pub async fn count_backlog(db: &impl GenericClient, now: DateTime<Utc>) -> Result<Backlog, StoreError> {
    const SQL: &str = "
        SELECT count(*) FILTER (WHERE lease_until > $1 AND lease_owner IS NOT NULL) AS active,
            count(*) FILTER (WHERE lease_until > $1 AND lease_owner IS NULL) AS delayed,
            count(*) FILTER (WHERE coalesce(lease_until, $1) <= $1) AS waiting
        FROM messages WHERE sweep_at > '-infinity'";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_one(&statement, &[&now]).await?;
    Ok(Backlog {
        waiting: row.try_get("waiting")?,
        active: row.try_get("active")?,
        delayed: row.try_get("delayed")?,
    })
}

/// Lists a page of failed messages that no operator has dismissed, the latest failure first: at
/// most `limit`, all before `before` (the time of the failure and the id).
pub async fn list_failed(
    db: &impl GenericClient,
    before: Option<(DateTime<Utc>, MessageId)>,
    limit: i64,
) -> Result<Vec<Progress>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM messages
        WHERE processing_status = 'failed' AND dismissed_at IS NULL
            AND (updated_at, id) < (coalesce($1, 'infinity'::timestamptz),
                                    coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
        ORDER BY updated_at DESC, id DESC LIMIT $3"
    );
    let statement = db.prepare_cached(&sql).await?;
    let (at, id) = (before.map(|(at, _)| at), before.map(|(_, id)| id.0));
    let rows = db.query(&statement, &[&at, &id, &limit]).await?;
    rows.iter().map(TryInto::try_into).collect()
}

/// Makes a failed message `pending` again with zero attempts. A retry by an operator charges no
/// quota, so `quota_day` is cleared and another failure refunds nothing.
const SET_PENDING: &str = "processing_status = 'pending', error_code = NULL, attempts = 0, quota_day = NULL,
    waiting_since = NULL, dismissed_at = NULL, resends = resends + 1, resends_before = resends + 1,
    sweep_at = $1::timestamptz + interval '1 minute', updated_at = $1";

/// Makes the failed message `id` pending again. `None` if there is no such failed message.
pub async fn retry_message(
    db: &impl GenericClient,
    id: MessageId,
    now: DateTime<Utc>,
) -> Result<Option<Resend>, StoreError> {
    let sql = format!(
        "UPDATE messages SET {SET_PENDING} WHERE id = $2 AND processing_status = 'failed'
        RETURNING id, chatroom_id, resends"
    );
    let statement = db.prepare_cached(&sql).await?;
    db.query_opt(&statement, &[&now, &id.0]).await?.as_ref().map(TryInto::try_into).transpose()
}

/// Makes up to `limit` messages pending again that failed with one of `codes` and are not
/// dismissed, the earliest failure first. Concurrent calls retry different messages.
pub async fn retry_oldest(
    db: &impl GenericClient,
    codes: &[ErrorCode],
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Resend>, StoreError> {
    let sql = format!(
        "UPDATE messages SET {SET_PENDING} WHERE id = ANY (ARRAY(
            SELECT id FROM messages
            WHERE processing_status = 'failed' AND dismissed_at IS NULL AND error_code = ANY($2)
            ORDER BY updated_at, id LIMIT $3 FOR UPDATE SKIP LOCKED
        ))
        RETURNING id, chatroom_id, resends"
    );
    let statement = db.prepare_cached(&sql).await?;
    let codes: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let rows = db.query(&statement, &[&now, &codes, &limit]).await?;
    rows.iter().map(TryInto::try_into).collect()
}

/// Removes the failed message `id` from the list of the operators; for its owner it stays failed.
/// Returns whether there is such a failed message.
pub async fn dismiss_message(
    db: &impl GenericClient,
    id: MessageId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    const SQL: &str = "
        UPDATE messages SET dismissed_at = coalesce(dismissed_at, $2) WHERE id = $1 AND processing_status = 'failed'";
    let statement = db.prepare_cached(SQL).await?;
    Ok(db.execute(&statement, &[&id.0, &now]).await? == 1)
}
