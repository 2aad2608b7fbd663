//! What operators do with accounts: look them up, suspend and restore them, and set their roles.
//! Each action leaves an entry in [`operator_actions`](crate::operator_actions).

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::{MobileNumber, OperatorAction, OperatorTarget, Role, SessionId, Tier, UserId};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::has_number;
use crate::StoreError;
use crate::operator_actions::{Operator, insertion};
use crate::sessions::{self, SessionFilter};

/// An account as an operator sees it: without number, name and texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// The id.
    pub id: UserId,
    /// The role.
    pub role: Role,
    /// The current plan.
    pub tier: Tier,
    /// When the account was created.
    pub created_at: DateTime<Utc>,
    /// When it was suspended, if it is.
    pub suspended_at: Option<DateTime<Utc>>,
}

const COLUMNS: &str = "id, role, subscription_tier, created_at, suspended_at";

impl TryFrom<&Row> for Account {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: UserId(row.try_get("id")?),
            role: row.try_get::<_, &str>("role")?.try_into()?,
            tier: row.try_get::<_, &str>("subscription_tier")?.try_into()?,
            created_at: row.try_get("created_at")?,
            suspended_at: row.try_get("suspended_at")?,
        })
    }
}

fn account_insertion(rows: &str, action: OperatorAction, result: &str) -> String {
    insertion(rows, action, OperatorTarget::Account, result)
}

/// Finds the account with `mobile_number`.
pub async fn find_by_number(
    db: &impl GenericClient,
    mobile_number: &MobileNumber,
    operator: Operator<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Account>, StoreError> {
    let sql = format!(
        "WITH found AS (SELECT {COLUMNS} FROM users WHERE {}), logged AS ({})
        SELECT * FROM found",
        has_number("$4"),
        account_insertion("found", OperatorAction::FindAccount, "viewed")
    );
    let statement = db.prepare_cached(&sql).await?;
    let number = mobile_number.spellings();
    let row = db.query_opt(&statement, &[&operator.uuid(), &operator.request_id, &now, &number]).await?;
    row.as_ref().map(TryInto::try_into).transpose()
}

/// Finds the account `id`. Does not find an account whose deletion has started.
pub async fn find(
    db: &impl GenericClient,
    id: UserId,
    operator: Operator<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Account>, StoreError> {
    let sql = format!(
        "WITH found AS (SELECT {COLUMNS} FROM users WHERE id = $4 AND deleted_at IS NULL), logged AS ({})
        SELECT * FROM found",
        account_insertion("found", OperatorAction::ViewAccount, "viewed")
    );
    let statement = db.prepare_cached(&sql).await?;
    let row = db.query_opt(&statement, &[&operator.uuid(), &operator.request_id, &now, &id.0]).await?;
    row.as_ref().map(TryInto::try_into).transpose()
}

/// Suspends the account `id` and returns its sessions, whose cache entries must be invalidated; or
/// `None` if there is no such account. With `end_sessions`, deletes the sessions as well. An
/// account that is suspended already gets no entry unless its sessions are deleted.
///
/// Call [`cancel_all`](crate::generations::account::cancel_all) next: one transaction would lock the
/// tables in another order than a message that is being sent.
pub async fn suspend(
    db: &mut impl GenericClient,
    id: UserId,
    end_sessions: bool,
    operator: Operator<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Vec<SessionId>>, StoreError> {
    let result = if end_sessions { "suspended, sessions ended" } else { "suspended" };
    let sql = format!(
        "WITH account AS (
            SELECT id, suspended_at FROM users WHERE id = $4 AND deleted_at IS NULL FOR NO KEY UPDATE
        ), suspended AS (
            UPDATE users u SET suspended_at = coalesce(u.suspended_at, $3), updated_at = $3
            FROM account WHERE u.id = account.id AND (account.suspended_at IS NULL OR $5)
            RETURNING u.id
        ), logged AS ({})
        SELECT id FROM account",
        account_insertion("suspended", OperatorAction::SuspendAccount, result)
    );
    let transaction = db.transaction().await?;
    let statement = transaction.prepare_cached(&sql).await?;
    let parameters: [&(dyn ToSql + Sync); 5] =
        [&operator.uuid(), &operator.request_id, &now, &id.0, &end_sessions];
    if transaction.query_opt(&statement, &parameters).await?.is_none() {
        return Ok(None);
    }
    // A separate statement: the update may have waited for a concurrent login, and only a statement
    // with a later snapshot sees the session which that login has inserted.
    let sessions = if end_sessions {
        sessions::delete(&transaction, id, SessionFilter::All).await?
    } else {
        sessions::list_ids(&transaction, id).await?
    };
    transaction.commit().await?;
    Ok(Some(sessions))
}

/// Restores the suspended account `id`; or, if its owner has deleted it, the number, which can then
/// sign up again. Returns the sessions of the account, whose cache entries must be invalidated; or `None`
/// if there is no such account or number. An account that is not suspended stays as it is, without an
/// entry.
pub async fn restore(
    db: &impl GenericClient,
    id: UserId,
    operator: Operator<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Vec<SessionId>>, StoreError> {
    let sql = format!(
        "WITH account AS (
            UPDATE users SET suspended_at = NULL, updated_at = $3
            WHERE id = $4 AND suspended_at IS NOT NULL
            RETURNING id
        ), number AS (
            DELETE FROM suspended_numbers WHERE user_id = $4 RETURNING user_id
        ), restored AS (
            SELECT id FROM account UNION SELECT user_id FROM number
        ), logged AS ({})
        SELECT EXISTS (SELECT FROM restored) OR EXISTS (SELECT FROM users WHERE id = $4 AND deleted_at IS NULL),
            ARRAY(SELECT id FROM sessions WHERE user_id = $4)",
        account_insertion("restored", OperatorAction::RestoreAccount, "active")
    );
    let statement = db.prepare_cached(&sql).await?;
    let row = db.query_one(&statement, &[&operator.uuid(), &operator.request_id, &now, &id.0]).await?;
    let (is_found, sessions): (bool, Vec<Uuid>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(is_found.then(|| sessions.into_iter().map(SessionId).collect()))
}

/// Whether `number_hash` is that of a suspended account which its owner has deleted.
pub async fn is_number_suspended(db: &impl GenericClient, number_hash: &[u8]) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT EXISTS (SELECT FROM suspended_numbers WHERE number_hash = $1)";
    let statement = db.prepare_cached(SQL).await?;
    Ok(db.query_one(&statement, &[&number_hash]).await?.try_get(0)?)
}

/// Updates the role of the account with `mobile_number`; it applies from the user's next request
/// on. Returns whether there is such an account. An account that has the role
/// already gets no entry.
pub async fn update_role(
    db: &impl GenericClient,
    mobile_number: &MobileNumber,
    role: Role,
    operator: Operator<'_>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let action = match role {
        Role::Admin => OperatorAction::GrantAdmin,
        Role::User => OperatorAction::RevokeAdmin,
    };
    let sql = format!(
        "WITH account AS (
            SELECT id, role FROM users WHERE {} FOR NO KEY UPDATE
        ), updated AS (
            UPDATE users u SET role = $5, updated_at = $3
            FROM account WHERE u.id = account.id AND account.role <> $5
            RETURNING u.id
        ), logged AS ({})
        SELECT id FROM account",
        has_number("$4"),
        account_insertion("updated", action, role.as_str())
    );
    let statement = db.prepare_cached(&sql).await?;
    let (number, role) = (mobile_number.spellings(), role.as_str());
    let found =
        db.query_opt(&statement, &[&operator.uuid(), &operator.request_id, &now, &number, &role]).await?;
    Ok(found.is_some())
}
