//! Deletes an account and everything it owns in short batches, so that an account with a million
//! messages does not block other transactions.
//!
//! The order is: [`start`], [`cancel_all`](crate::generations::account::cancel_all), then
//! [`delete_batch`] until nothing is left.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::GenericClient;
use domain::{SessionId, UserId, quota};

use crate::StoreError;
use crate::sessions::{self, SessionFilter};

/// The number of rows in one batch, which takes some tens of milliseconds.
pub const BATCH_SIZE: i64 = 2_000;

/// Starts the deletion of `user` if `password_hash` is still the stored one. Clears the number,
/// name and password, sets `deleted_at` and deletes all sessions, so the number is free and the
/// account cannot be signed in to. Keeps what was used of the quota and spent on `now`'s day under
/// `number_hash`, for another account with the number; a suspended account's number stays
/// suspended. Returns the deleted sessions, or `None` if the hash has changed or the deletion has
/// already started.
pub async fn start(
    db: &mut impl GenericClient,
    user: UserId,
    password_hash: &str,
    number_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<Vec<SessionId>>, StoreError> {
    const RETIRE: &str = "
        INSERT INTO retired_usage (number_hash, day, messages, refunds, cost_micro_usd, reached_cap_micro_usd)
        SELECT $1, day, messages, refunds, cost_micro_usd + reserved_micro_usd, reached_cap_micro_usd
        FROM daily_usage WHERE user_id = $2 AND day = $3
        ON CONFLICT (number_hash) DO UPDATE
            SET day = excluded.day, messages = excluded.messages, refunds = excluded.refunds,
                cost_micro_usd = excluded.cost_micro_usd, reached_cap_micro_usd = excluded.reached_cap_micro_usd";
    const KEEP_SUSPENSION: &str = "
        INSERT INTO suspended_numbers (number_hash, user_id, suspended_at)
        SELECT $1, id, suspended_at FROM users WHERE id = $2 AND suspended_at IS NOT NULL
        ON CONFLICT (number_hash) DO NOTHING";
    const SQL: &str = "
        UPDATE users SET mobile_number = NULL, name = '', password_hash = '', deleted_at = $3, updated_at = $3
        WHERE id = $1 AND password_hash = $2 AND deleted_at IS NULL";
    let transaction = db.transaction().await?;
    let statement = transaction.prepare_cached(SQL).await?;
    if transaction.execute(&statement, &[&user.0, &password_hash, &now]).await? == 0 {
        return Ok(None);
    }
    let statement = transaction.prepare_cached(RETIRE).await?;
    transaction.execute(&statement, &[&number_hash, &user.0, &quota::day_of(now)]).await?;
    let statement = transaction.prepare_cached(KEEP_SUSPENSION).await?;
    transaction.execute(&statement, &[&number_hash, &user.0]).await?;
    // A separate statement: the update may have waited for a concurrent login, and only a statement
    // with a later snapshot sees the session which that login has inserted.
    let deleted = sessions::delete(&transaction, user, SessionFilter::All).await?;
    transaction.commit().await?;
    Ok(Some(deleted))
}

/// Deletes up to `limit` messages of `user` with their generations; without messages, up to `limit` chatrooms; without
/// chatrooms, the account itself. Does nothing unless the deletion has started.
///
/// Returns whether another call has something to delete. An account with a row in `subscriptions`
/// stays until Stripe has cancelled the subscription, which deletes that row. A chatroom that a
/// concurrent call has locked is skipped.
pub async fn delete_batch(db: &impl GenericClient, user: UserId, limit: i64) -> Result<bool, StoreError> {
    const MESSAGES: &str = "
        WITH batch AS (
            SELECT m.id FROM users u
            JOIN chatrooms c ON c.user_id = u.id
            CROSS JOIN LATERAL (
                SELECT id FROM messages WHERE chatroom_id = c.id ORDER BY position LIMIT $2
            ) m
            WHERE u.id = $1 AND u.deleted_at IS NOT NULL LIMIT $2
        ), gone AS (
            DELETE FROM generations g USING batch WHERE g.question_id = batch.id RETURNING 1
        )
        DELETE FROM messages m USING batch WHERE m.id = batch.id AND (SELECT count(*) FROM gone) >= 0";
    const CHATROOMS: &str = "
        DELETE FROM chatrooms WHERE id = ANY (ARRAY(
            SELECT c.id FROM users u JOIN chatrooms c ON c.user_id = u.id
            WHERE u.id = $1 AND u.deleted_at IS NOT NULL
                AND NOT EXISTS (SELECT FROM messages m WHERE m.chatroom_id = c.id)
            LIMIT $2 FOR UPDATE OF c SKIP LOCKED
        ))";
    const RESERVATIONS: &str = "
        UPDATE spending_reservations SET user_id = NULL
        WHERE user_id = $1 AND EXISTS (SELECT FROM users u WHERE u.id = $1 AND u.deleted_at IS NOT NULL)";
    const ACCOUNT: &str = "
        DELETE FROM users u WHERE u.id = $1 AND u.deleted_at IS NOT NULL
            AND NOT EXISTS (SELECT FROM chatrooms c WHERE c.user_id = u.id)
            AND NOT EXISTS (SELECT FROM subscriptions s WHERE s.user_id = u.id)";
    const REMAINING: &str = "
        SELECT FROM users u WHERE u.id = $1 AND u.deleted_at IS NOT NULL
            AND NOT EXISTS (SELECT FROM subscriptions s WHERE s.user_id = u.id)";
    for sql in [MESSAGES, CHATROOMS] {
        let statement = db.prepare_cached(sql).await?;
        if db.execute(&statement, &[&user.0, &limit]).await? > 0 {
            return Ok(true);
        }
    }
    for sql in [RESERVATIONS, ACCOUNT] {
        let statement = db.prepare_cached(sql).await?;
        db.execute(&statement, &[&user.0]).await?;
    }
    let statement = db.prepare_cached(REMAINING).await?;
    Ok(db.query_opt(&statement, &[&user.0]).await?.is_some())
}

/// Lists up to `limit` accounts whose deletion started before `before` and has not finished, the
/// earliest first. Omits accounts whose next attempt to cancel the subscription at Stripe is due
/// after `now`.
pub async fn list_unfinished(
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

/// Deletes the retired usage of days before `day`, which no account can inherit any more.
pub async fn delete_retired_usage(db: &impl GenericClient, day: NaiveDate) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM retired_usage WHERE day < $1";
    let statement = db.prepare_cached(SQL).await?;
    db.execute(&statement, &[&day]).await?;
    Ok(())
}
