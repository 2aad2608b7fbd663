//! The operator's side: how much waits, what failed, and having it answered again. Ids and reasons, never a person's text.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::message::{ErrorCode, ProcessingStatus};
use domain::{ChatroomId, MessageId, UserId};
use tokio_postgres::Row;

use crate::StoreError;
use crate::messages::sweeping::Stranded;

/// The messages that are not finished yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Ready to be taken up.
    pub waiting: i64,
    /// Held by a worker.
    pub active: i64,
    /// Not to be taken up before a time to come: backing off, or waiting for their turn at the model.
    pub delayed: i64,
}

/// Counts the unfinished messages of everybody. Those are few: it reads nothing else.
///
/// # Errors
/// When Postgres does not answer.
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

/// How far a message is, as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The message.
    pub id: MessageId,
    /// Its room.
    pub chatroom_id: ChatroomId,
    /// Who sent it.
    pub user_id: UserId,
    /// How far it is.
    pub status: ProcessingStatus,
    /// Why it failed, where it did.
    pub error_code: Option<ErrorCode>,
    /// How often an answer was tried.
    pub attempts: i32,
    /// How often it was put on the queue again.
    pub resends: i32,
    /// Until when nobody else takes it up, where somebody holds it or it waits.
    pub not_before: Option<DateTime<Utc>>,
    /// When it was sent.
    pub created_at: DateTime<Utc>,
    /// When its state changed last.
    pub updated_at: DateTime<Utc>,
}

pub(super) const COLUMNS: &str =
    "id, chatroom_id, user_id, processing_status, error_code, attempts, resends, lease_until,
    created_at, updated_at";

impl TryFrom<&Row> for Progress {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: MessageId(row.try_get("id")?),
            chatroom_id: ChatroomId(row.try_get("chatroom_id")?),
            user_id: UserId(row.try_get("user_id")?),
            status: row.try_get::<_, &str>("processing_status")?.try_into()?,
            error_code: row.try_get::<_, Option<&str>>("error_code")?.map(TryInto::try_into).transpose()?,
            attempts: row.try_get("attempts")?,
            resends: row.try_get("resends")?,
            not_before: row.try_get("lease_until")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

/// How far the person's message `id` is.
///
/// # Errors
/// When Postgres does not answer.
pub async fn find_progress(db: &impl GenericClient, id: MessageId) -> Result<Option<Progress>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM messages WHERE id = $1 AND message_type = 'user'");
    let statement = db.prepare_cached(&sql).await?;
    db.query_opt(&statement, &[&id.0]).await?.as_ref().map(TryInto::try_into).transpose()
}

/// A page of the failed messages that were not struck off, the latest first: at most `limit`, all before `before` (when it
/// failed, and its id).
///
/// # Errors
/// When Postgres does not answer.
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

/// What makes a failed message `pending` again; its attempts count from zero. An operator's retry is on the house: it
/// belongs to no day's quota, so nothing is given back should it fail once more.
const REVIVE: &str = "processing_status = 'pending', error_code = NULL, attempts = 0, quota_day = NULL,
    waiting_since = NULL, dismissed_at = NULL, resends = resends + 1, resends_before = resends + 1,
    sweep_at = $1::timestamptz + interval '1 minute', updated_at = $1";

/// Has the failed message `id` answered again. `None` when it has not failed, or is not there.
///
/// # Errors
/// When Postgres does not answer.
pub async fn revive(
    db: &impl GenericClient,
    id: MessageId,
    now: DateTime<Utc>,
) -> Result<Option<Stranded>, StoreError> {
    let sql = format!(
        "UPDATE messages SET {REVIVE} WHERE id = $2 AND processing_status = 'failed'
        RETURNING id, chatroom_id, resends"
    );
    let statement = db.prepare_cached(&sql).await?;
    db.query_opt(&statement, &[&now, &id.0]).await?.as_ref().map(TryInto::try_into).transpose()
}

/// Has up to `limit` messages answered again that failed for one of the reasons `codes` and were not struck off, those that
/// failed first first. Two calls beside each other take different ones.
///
/// # Errors
/// When Postgres does not answer.
pub async fn revive_oldest(
    db: &impl GenericClient,
    codes: &[ErrorCode],
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Stranded>, StoreError> {
    let sql = format!(
        "UPDATE messages SET {REVIVE} WHERE id = ANY (ARRAY(
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

/// Strikes the failed message `id` off the operator's list; for its owner it stays failed. Answers whether it is failed.
///
/// # Errors
/// When Postgres does not answer.
pub async fn dismiss(db: &impl GenericClient, id: MessageId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    const SQL: &str = "
        UPDATE messages SET dismissed_at = coalesce(dismissed_at, $2) WHERE id = $1 AND processing_status = 'failed'";
    let statement = db.prepare_cached(SQL).await?;
    Ok(db.execute(&statement, &[&id.0, &now]).await? == 1)
}
