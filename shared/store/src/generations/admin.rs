//! What operators do with the generations of all users: count the backlog, and list, retry or
//! dismiss failed ones. These functions return ids and reasons, never text. An action is one
//! statement with its entries in [`operator_actions`](crate::operator_actions).

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::message::ErrorCode;
use domain::{GenerationId, OperatorAction, OperatorTarget};

use crate::StoreError;
use crate::generations::Resend;
use crate::generations::progress::{COLUMNS, Progress};
use crate::operator_actions::{Operator, insertion};

/// The number of unfinished generations, by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Ready for a worker.
    pub waiting: i64,
    /// Leased by a worker.
    pub active: i64,
    /// Not due yet: in backoff, or waiting for the model.
    pub delayed: i64,
}

/// Counts the unfinished generations of all users. Reads only their partial index.
pub async fn count_backlog(db: &impl GenericClient, now: DateTime<Utc>) -> Result<Backlog, StoreError> {
    const SQL: &str = "
        SELECT count(*) FILTER (WHERE lease_until > $1 AND lease_owner IS NOT NULL) AS active,
            count(*) FILTER (WHERE lease_until > $1 AND lease_owner IS NULL) AS delayed,
            count(*) FILTER (WHERE coalesce(lease_until, $1) <= $1) AS waiting
        FROM generations WHERE sweep_at > '-infinity'";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_one(&statement, &[&now]).await?;
    Ok(Backlog {
        waiting: row.try_get("waiting")?,
        active: row.try_get("active")?,
        delayed: row.try_get("delayed")?,
    })
}

/// Lists a page of failed generations that no operator has dismissed, the latest failure first: at
/// most `limit`, all before `before` (the time of the failure and the id).
pub async fn list_failed(
    db: &impl GenericClient,
    before: Option<(DateTime<Utc>, GenerationId)>,
    limit: i64,
) -> Result<Vec<Progress>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM generations
        WHERE status = 'failed' AND dismissed_at IS NULL
            AND (updated_at, id) < (coalesce($1, 'infinity'::timestamptz),
                                    coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
        ORDER BY updated_at DESC, id DESC LIMIT $3"
    );
    let statement = db.prepare_cached(&sql).await?;
    let (at, id) = (before.map(|(at, _)| at), before.map(|(_, id)| id.0));
    let rows = db.query(&statement, &[&at, &id, &limit]).await?;
    rows.iter().map(TryInto::try_into).collect()
}

/// Makes a failed generation `pending` again with zero attempts. A retry by an operator charges no
/// quota, so `quota_day` is cleared and another failure refunds nothing.
const SET_PENDING: &str = "status = 'pending', error_code = NULL, attempts = 0, quota_day = NULL,
    waiting_since = NULL, dismissed_at = NULL, resends = resends + 1, resends_before = resends + 1,
    sweep_at = $3::timestamptz + interval '1 minute', updated_at = $3";

fn job_insertion(rows: &str, action: OperatorAction, result: &str) -> String {
    insertion(rows, action, OperatorTarget::Job, result)
}

/// Makes the failed generation `id` pending again. `None` if there is no such failed one.
pub async fn retry(
    db: &impl GenericClient,
    id: GenerationId,
    operator: Operator<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Resend>, StoreError> {
    let sql = format!(
        "WITH retried AS (
            UPDATE generations SET {SET_PENDING} WHERE id = $4 AND status = 'failed'
            RETURNING id, chatroom_id, resends, traceparent, request_id
        ), logged AS ({})
        SELECT id, chatroom_id, resends, traceparent, request_id FROM retried",
        job_insertion("retried", OperatorAction::RetryFailedJob, "pending")
    );
    let statement = db.prepare_cached(&sql).await?;
    db.query_opt(&statement, &[&operator.uuid(), &operator.request_id, &now, &id.0])
        .await?
        .as_ref()
        .map(TryInto::try_into)
        .transpose()
}

/// Makes up to `limit` generations pending again that failed with one of `codes` and are not
/// dismissed, the earliest failure first. Concurrent calls retry different ones.
pub async fn retry_oldest(
    db: &impl GenericClient,
    codes: &[ErrorCode],
    limit: i64,
    operator: Operator<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Resend>, StoreError> {
    let sql = format!(
        "WITH retried AS (
            UPDATE generations SET {SET_PENDING} WHERE id = ANY (ARRAY(
                SELECT id FROM generations
                WHERE status = 'failed' AND dismissed_at IS NULL AND error_code = ANY($4)
                ORDER BY updated_at, id LIMIT $5 FOR UPDATE SKIP LOCKED
            ))
            RETURNING id, chatroom_id, resends, traceparent, request_id
        ), logged AS ({})
        SELECT id, chatroom_id, resends, traceparent, request_id FROM retried",
        job_insertion("retried", OperatorAction::RedriveFailedJobs, "pending")
    );
    let statement = db.prepare_cached(&sql).await?;
    let codes: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let (id, request_id) = (operator.uuid(), operator.request_id);
    let rows = db.query(&statement, &[&id, &request_id, &now, &codes, &limit]).await?;
    rows.iter().map(TryInto::try_into).collect()
}

/// Removes the failed generation `id` from the list of the operators; for its owner it stays failed.
/// Returns whether there is such a failed generation. A message that is removed already gets
/// no entry.
pub async fn dismiss(
    db: &impl GenericClient,
    id: GenerationId,
    operator: Operator<'_>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let sql = format!(
        "WITH failed AS (
            SELECT id, dismissed_at FROM generations WHERE id = $4 AND status = 'failed' FOR UPDATE
        ), dismissed AS (
            UPDATE generations m SET dismissed_at = $3
            FROM failed WHERE m.id = failed.id AND failed.dismissed_at IS NULL
            RETURNING m.id
        ), logged AS ({})
        SELECT id FROM failed",
        job_insertion("dismissed", OperatorAction::DiscardFailedJob, "discarded")
    );
    let statement = db.prepare_cached(&sql).await?;
    let found = db.query_opt(&statement, &[&operator.uuid(), &operator.request_id, &now, &id.0]).await?;
    Ok(found.is_some())
}
