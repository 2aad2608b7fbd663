//! Adds the generations of messages that were finished before the table existed.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::{GenerationId, MessageId, UserId};

use crate::StoreError;

/// The result of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backfill {
    /// The batch examined messages, and more may follow.
    Advanced {
        /// The number of generations that it added.
        added: u64,
    },
    /// All messages have their generations.
    Finished,
}

/// The columns of a message's first generation, from the message `m` and its answer `a`.
const FIRST: &str = "(id, question_id, chatroom_id, user_id, position, status, error_code, attempts, quota_day,
        resends, resends_before, dismissed_at, finish_reason, model, prompt_tokens, response_tokens, created_at, updated_at)
    SELECT m.id, m.id, m.chatroom_id, m.user_id, m.position, m.processing_status, m.error_code, m.attempts, m.quota_day,
        m.resends, m.resends_before, m.dismissed_at, a.finish_reason, a.model, coalesce(a.prompt_tokens, 0),
        coalesce(a.response_tokens, 0), m.created_at, m.updated_at";

/// Adds the generations of the next `limit` messages, in the order of their ids. Messages that the
/// previous release writes meanwhile have theirs already. Once finished, it costs one lookup.
pub async fn run_batch(
    db: &impl GenericClient,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Backfill, StoreError> {
    const FINISH: &str = "UPDATE generation_backfill SET finished_at = $1 WHERE finished_at IS NULL";
    let sql = format!(
        "WITH batch AS (
            SELECT id, message_type FROM messages
            WHERE id > (SELECT position FROM generation_backfill WHERE finished_at IS NULL)
            ORDER BY id LIMIT $1
        ), added AS (
            INSERT INTO generations {FIRST}
            FROM batch JOIN messages m ON m.id = batch.id LEFT JOIN messages a ON a.reply_to = m.id
            WHERE batch.message_type = 'user'
            ON CONFLICT (id) DO NOTHING
            RETURNING 1
        ), moved AS (
            UPDATE generation_backfill SET position = (SELECT id FROM batch ORDER BY id DESC LIMIT 1)
            WHERE EXISTS (SELECT FROM batch)
        )
        SELECT (SELECT count(*) FROM batch) AS examined, (SELECT count(*) FROM added) AS added"
    );
    let statement = db.prepare_cached(&sql).await?;
    let row = db.query_one(&statement, &[&limit]).await?;
    if row.try_get::<_, i64>("examined")? == 0 {
        let statement = db.prepare_cached(FINISH).await?;
        db.execute(&statement, &[&now]).await?;
        return Ok(Backfill::Finished);
    }
    Ok(Backfill::Advanced { added: row.try_get::<_, i64>("added")?.try_into().unwrap_or_default() })
}

/// Adds the first generation of a message of `owner`, unless it has one. Returns whether it did.
pub async fn add_generation(
    db: &impl GenericClient,
    owner: UserId,
    message: MessageId,
) -> Result<bool, StoreError> {
    let sql = format!(
        "INSERT INTO generations {FIRST}
        FROM messages m LEFT JOIN messages a ON a.reply_to = m.id
        WHERE m.id = $1 AND m.user_id = $2 AND m.message_type = 'user' AND NOT EXISTS (SELECT FROM generations g WHERE g.id = $1)
        ON CONFLICT (id) DO NOTHING"
    );
    let statement = db.prepare_cached(&sql).await?;
    Ok(db.execute(&statement, &[&GenerationId::first_of(message).0, &owner.0]).await? == 1)
}
