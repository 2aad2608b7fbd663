//! The password hashes of `users`. A change of the password also deletes the user's sessions.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::{MobileNumber, SessionId, UserId};
use tokio_postgres::Row;

use super::{COLUMNS, User, has_number};
use crate::StoreError;
use crate::sessions::{self, SessionFilter};

/// An account and its password hash.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The account.
    pub user: User,
    /// The password's hash, as a PHC string or, from the Node.js service, a bcrypt hash.
    pub password_hash: String,
    /// Whether an operator has suspended the account.
    pub is_suspended: bool,
}

pub(super) const CREDENTIALS: &str = "password_hash, suspended_at IS NOT NULL AS is_suspended";

impl TryFrom<&Row> for Credentials {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            user: row.try_into()?,
            password_hash: row.try_get("password_hash")?,
            is_suspended: row.try_get("is_suspended")?,
        })
    }
}

/// Finds the credentials of the account with `mobile_number`, stored under any of its spellings. An
/// account whose deletion has started has no number, so it is not found.
pub async fn find_by_number(
    db: &impl GenericClient,
    mobile_number: &MobileNumber,
) -> Result<Option<Credentials>, StoreError> {
    let sql = format!("SELECT {COLUMNS}, {CREDENTIALS} FROM users WHERE {}", has_number("$1"));
    let statement = db.prepare_cached(&sql).await?;
    let row = db.query_opt(&statement, &[&mobile_number.spellings()]).await?;
    row.as_ref().map(TryInto::try_into).transpose()
}

/// Finds the credentials of `user`. Does not find an account whose deletion has started.
pub async fn find(db: &impl GenericClient, user: UserId) -> Result<Option<Credentials>, StoreError> {
    let sql = format!("SELECT {COLUMNS}, {CREDENTIALS} FROM users WHERE id = $1 AND deleted_at IS NULL");
    let statement = db.prepare_cached(&sql).await?;
    let row = db.query_opt(&statement, &[&user.0]).await?;
    row.as_ref().map(TryInto::try_into).transpose()
}

/// Replaces `old_hash` of `user` with `new_hash` of the same password; sessions stay. Returns
/// whether `old_hash` was still stored.
pub async fn update_hash(
    db: &impl GenericClient,
    user: UserId,
    old_hash: &str,
    new_hash: &str,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
    let statement = db.prepare_cached(SQL).await?;
    Ok(db.execute(&statement, &[&user.0, &old_hash, &new_hash]).await? == 1)
}

/// Replaces `old_hash` of `user` with the hash of a new password and deletes all sessions except
/// `kept`. Returns the deleted sessions, or `None` if `old_hash` was no longer stored.
pub async fn update_password(
    db: &mut impl GenericClient,
    user: UserId,
    kept: SessionId,
    old_hash: &str,
    new_hash: &str,
    now: DateTime<Utc>,
) -> Result<Option<Vec<SessionId>>, StoreError> {
    const SQL: &str = "UPDATE users SET password_hash = $3, password_changed_at = $4, updated_at = $4
        WHERE id = $1 AND password_hash = $2";
    let transaction = db.transaction().await?;
    let statement = transaction.prepare_cached(SQL).await?;
    if transaction.execute(&statement, &[&user.0, &old_hash, &new_hash, &now]).await? == 0 {
        return Ok(None);
    }
    // A separate statement, for the reason given in `update_password_by_number`.
    let deleted = sessions::delete(&transaction, user, SessionFilter::AllExcept(kept)).await?;
    transaction.commit().await?;
    Ok(Some(deleted))
}

/// Updates the password hash of the account with `mobile_number` and deletes all of its sessions.
/// Returns the deleted sessions, or `None` if there is no such account, or if the account is newer,
/// is suspended, or its password has changed since the code was issued.
pub async fn update_password_by_number(
    db: &mut impl GenericClient,
    mobile_number: &MobileNumber,
    password_hash: &str,
    code_issued_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<Vec<SessionId>>, StoreError> {
    let sql = format!(
        "UPDATE users SET password_hash = $2, password_changed_at = $4, updated_at = $4
        WHERE {} AND coalesce(password_changed_at, created_at) <= $3
            AND suspended_at IS NULL RETURNING id",
        has_number("$1")
    );
    let transaction = db.transaction().await?;
    let statement = transaction.prepare_cached(&sql).await?;
    let row = transaction
        .query_opt(&statement, &[&mobile_number.spellings(), &password_hash, &code_issued_at, &now])
        .await?;
    let Some(row) = row else { return Ok(None) };
    // A separate statement: the update may have waited for a concurrent login, and only a statement
    // with a later snapshot sees the session which that login has inserted.
    let user = UserId(row.try_get("id")?);
    let deleted = sessions::delete(&transaction, user, SessionFilter::All).await?;
    transaction.commit().await?;
    Ok(Some(deleted))
}
