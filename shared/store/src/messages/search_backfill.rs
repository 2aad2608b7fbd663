//! Adds search tokens to messages that were written without them: before the migration that added
//! the column, or by the previous release during the deployment.

use chrono::{DateTime, TimeDelta, Utc};
use deadpool_postgres::GenericClient;
use domain::{MessageId, search};

use crate::StoreError;

/// The time after which no message appears with an id that is older.
const SETTLED_AFTER: TimeDelta = TimeDelta::hours(1);

/// The result of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backfill {
    /// The batch examined messages, and more may follow.
    Advanced {
        /// The number of messages that received tokens.
        updated: u64,
    },
    /// No message is due.
    Idle,
}

/// Examines the next `limit` messages in the order of their ids, if they are at least an hour old,
/// and adds tokens where they are missing. The backfill is finished a day after the migration, when
/// the previous release writes no more messages and all are examined. It then costs one lookup.
pub async fn run_batch(
    db: &impl GenericClient,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Backfill, StoreError> {
    const SQL: &str = "
        SELECT id, created_at, CASE WHEN search_tokens IS NULL THEN content END AS content FROM messages
        WHERE id > (SELECT position FROM search_backfill WHERE finished_at IS NULL)
        ORDER BY id LIMIT $1";
    const UPDATE: &str = "
        WITH moved AS (UPDATE search_backfill SET position = $3 WHERE position < $3)
        UPDATE messages m SET search_tokens = missing.tokens::integer[]
        FROM unnest($1::uuid[], $2::text[]) AS missing (id, tokens)
        WHERE m.id = missing.id AND m.search_tokens IS NULL";
    let statement = db.prepare_cached(SQL).await?;
    let (mut last, mut ids, mut tokens) = (None, Vec::new(), Vec::new());
    for row in db.query(&statement, &[&limit]).await? {
        if row.try_get::<_, DateTime<Utc>>("created_at")? > now - SETTLED_AFTER {
            break;
        }
        let id = MessageId(row.try_get("id")?);
        last = Some(id);
        if let Some(content) = row.try_get("content")? {
            ids.push(id.0);
            tokens.push(array_literal(&search::tokens(content)));
        }
    }
    let Some(last) = last else {
        finish(db, now).await?;
        return Ok(Backfill::Idle);
    };
    let statement = db.prepare_cached(UPDATE).await?;
    let updated = db.execute(&statement, &[&ids, &tokens, &last.0]).await?;
    Ok(Backfill::Advanced { updated })
}

/// Records the end of the backfill once no message without tokens can appear any more.
async fn finish(db: &impl GenericClient, now: DateTime<Utc>) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE search_backfill SET finished_at = $1 WHERE finished_at IS NULL AND until < $2";
    let statement = db.prepare_cached(SQL).await?;
    db.execute(&statement, &[&now, &(now - SETTLED_AFTER)]).await?;
    Ok(())
}

/// The tokens as an array literal of Postgres: arrays of different lengths cannot be one parameter.
fn array_literal(tokens: &[i32]) -> String {
    let tokens: Vec<String> = tokens.iter().map(ToString::to_string).collect();
    format!("{{{}}}", tokens.join(","))
}
