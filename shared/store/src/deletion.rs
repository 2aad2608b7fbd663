//! Deleting an account with all that it owns, in steps that are each short: an account with a million messages holds nobody
//! up.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::{SessionId, UserId};

use crate::StoreError;
use crate::sessions::{self, Ended};

/// How many rows one step deletes: some tens of milliseconds.
pub const BATCH: i64 = 2_000;

/// Begins to delete `user`, provided that `password_hash` is still the one in force: the number is free, every session is
/// ended, and nothing is left to sign in with. Answers which sessions, where it was.
///
/// # Errors
/// When Postgres does not answer.
pub async fn begin(
    db: &mut impl GenericClient,
    user: UserId,
    password_hash: &str,
    now: DateTime<Utc>,
) -> Result<Option<Vec<SessionId>>, StoreError> {
    const SQL: &str = "
        UPDATE users SET mobile_number = NULL, name = '', password_hash = '', deleted_at = $3, updated_at = $3
        WHERE id = $1 AND password_hash = $2 AND deleted_at IS NULL";
    let transaction = db.transaction().await?;
    let statement = transaction.prepare_cached(SQL).await?;
    if transaction.execute(&statement, &[&user.0, &password_hash, &now]).await? == 0 {
        return Ok(None);
    }
    // A statement of its own: the one before may have waited for a login, whose session only the next one sees.
    let ended = sessions::delete(&transaction, user, Ended::All).await?;
    transaction.commit().await?;
    Ok(Some(ended))
}

/// Stops all messages of `user` that wait for an answer: nothing more of theirs is to reach the model.
///
/// # Errors
/// When Postgres does not answer.
pub async fn stop_messages(
    db: &impl GenericClient,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    const SQL: &str = "
        UPDATE messages m SET processing_status = 'cancelled', lease_owner = NULL, lease_until = NULL,
            sweep_at = NULL, updated_at = $2
        FROM chatrooms c WHERE c.user_id = $1 AND m.chatroom_id = c.id AND m.sweep_at IS NOT NULL";
    let statement = db.prepare_cached(SQL).await?;
    db.execute(&statement, &[&user.0, &now]).await?;
    Ok(())
}

/// Deletes up to `limit` rows of what `user` owns, whose deletion has begun, and the account with what is left once that is
/// little. Answers whether anything is left to be deleted by this: an account that pays stays until Stripe has been told, which
/// takes its row in `subscriptions` away. Two at once do not do each other's work: what one of them holds, the other
/// passes over.
///
/// # Errors
/// When Postgres does not answer.
pub async fn purge(db: &impl GenericClient, user: UserId, limit: i64) -> Result<bool, StoreError> {
    const MESSAGES: &str = "
        DELETE FROM messages WHERE id = ANY (ARRAY(
            SELECT m.id FROM users u
            JOIN chatrooms c ON c.user_id = u.id
            CROSS JOIN LATERAL (
                SELECT id FROM messages WHERE chatroom_id = c.id ORDER BY position LIMIT $2
            ) m
            WHERE u.id = $1 AND u.deleted_at IS NOT NULL LIMIT $2
        ))";
    const ROOMS: &str = "
        DELETE FROM chatrooms WHERE id = ANY (ARRAY(
            SELECT c.id FROM users u JOIN chatrooms c ON c.user_id = u.id
            WHERE u.id = $1 AND u.deleted_at IS NOT NULL
                AND NOT EXISTS (SELECT FROM messages m WHERE m.chatroom_id = c.id)
            LIMIT $2 FOR UPDATE OF c SKIP LOCKED
        ))";
    const ACCOUNT: &str = "
        DELETE FROM users u WHERE u.id = $1 AND u.deleted_at IS NOT NULL
            AND NOT EXISTS (SELECT FROM chatrooms c WHERE c.user_id = u.id)
            AND NOT EXISTS (SELECT FROM subscriptions s WHERE s.user_id = u.id)";
    const LEFT: &str = "
        SELECT FROM users u WHERE u.id = $1 AND u.deleted_at IS NOT NULL
            AND NOT EXISTS (SELECT FROM subscriptions s WHERE s.user_id = u.id)";
    for sql in [MESSAGES, ROOMS] {
        let statement = db.prepare_cached(sql).await?;
        if db.execute(&statement, &[&user.0, &limit]).await? > 0 {
            return Ok(true);
        }
    }
    let statement = db.prepare_cached(ACCOUNT).await?;
    db.execute(&statement, &[&user.0]).await?;
    let statement = db.prepare_cached(LEFT).await?;
    Ok(db.query_opt(&statement, &[&user.0]).await?.is_some())
}

/// Up to `limit` accounts whose deletion was begun before `before` and has not come to its end, the longest ago first; without
/// those of which Stripe is to be told again only after `now`.
///
/// # Errors
/// When Postgres does not answer.
pub async fn list_begun(
    db: &impl GenericClient,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<UserId>, StoreError> {
    const SQL: &str = "
        SELECT u.id FROM users u LEFT JOIN subscriptions s ON s.user_id = u.id
        WHERE u.deleted_at < $1 AND (s.review_at IS NULL OR s.review_at <= $2 OR s.updated_at < u.deleted_at)
        ORDER BY u.deleted_at LIMIT $3";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&before, &now, &limit]).await?;
    rows.iter().map(|row| Ok(UserId(row.try_get("id")?))).collect()
}
