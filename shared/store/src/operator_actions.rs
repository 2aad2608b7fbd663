//! `operator_actions`: the audit log of what operators do.
//!
//! An action and its entry are one statement: the function of the action adds `insertion` to its
//! SQL, so an action without an entry cannot be committed, nor an entry without its action.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::switches::Feature;
use domain::{OperatorAction, OperatorTarget, UserId};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::StoreError;

/// Who acts as an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator<'a> {
    /// The operator's account; `None` for a command, whose entry names the database user.
    pub id: Option<UserId>,
    /// The id of the request; `None` for a command.
    pub request_id: Option<&'a str>,
}

impl Operator<'_> {
    /// Someone with access to the database, who runs a command.
    pub const COMMAND: Self = Self { id: None, request_id: None };

    /// The id as a parameter of a statement.
    pub(crate) fn uuid(&self) -> Option<Uuid> {
        self.id.map(|id| id.0)
    }
}

/// The statement that inserts an entry for each row of `rows`, which has a column `id`. The
/// parameters $1, $2 and $3 are the operator's id, the request's id and the current time.
pub(crate) fn insertion(rows: &str, action: OperatorAction, target: OperatorTarget, result: &str) -> String {
    format!(
        "INSERT INTO operator_actions (operator_id, database_user, request_id, action, target_type, target_id,
            result, created_at)
        SELECT $1::uuid, CASE WHEN $1::uuid IS NULL THEN current_user::text END, $2::text, '{}', '{}', id,
            '{result}', $3::timestamptz
        FROM {rows}",
        action.as_str(),
        target.as_str(),
    )
}

/// Inserts the entry of a feature that is paused or resumed. The feature's state is not in Postgres, so
/// `db` should be a transaction that commits once that has changed.
pub async fn insert_feature(
    db: &impl GenericClient,
    feature: &Feature,
    is_paused: bool,
    operator: Operator<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    const SQL: &str = "
        INSERT INTO operator_actions (operator_id, database_user, request_id, action, target_type, target_id,
            result, created_at)
        VALUES ($1, CASE WHEN $1::uuid IS NULL THEN current_user::text END, $2, $3, $4, $5, $6, $7)";
    let action = if is_paused { OperatorAction::PauseFeature } else { OperatorAction::ResumeFeature };
    let target = OperatorTarget::Feature.as_str();
    let result = feature.to_string();
    let statement = db.prepare_cached(SQL).await?;
    db.execute(
        &statement,
        &[&operator.uuid(), &operator.request_id, &action.as_str(), &target, &Uuid::nil(), &result, &now],
    )
    .await?;
    Ok(())
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The id: entries are numbered in about the order of their times.
    pub id: i64,
    /// The operator's account; `None` for a command.
    pub operator_id: Option<UserId>,
    /// The database user who ran a command.
    pub database_user: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// What the operator did.
    pub action: OperatorAction,
    /// What they did it to.
    pub target_type: OperatorTarget,
    /// The id of the account or the message.
    pub target_id: Uuid,
    /// The state of the target after the action.
    pub result: String,
    /// When the operator acted.
    pub created_at: DateTime<Utc>,
}

impl TryFrom<&Row> for Entry {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.try_get("id")?,
            operator_id: row.try_get::<_, Option<_>>("operator_id")?.map(UserId),
            database_user: row.try_get("database_user")?,
            request_id: row.try_get("request_id")?,
            action: row.try_get::<_, &str>("action")?.try_into()?,
            target_type: row.try_get::<_, &str>("target_type")?.try_into()?,
            target_id: row.try_get("target_id")?,
            result: row.try_get("result")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

/// Lists at most `limit` entries, the latest first, all before the entry `before`.
pub async fn list(
    db: &impl GenericClient,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    const SQL: &str = "
        SELECT id, operator_id, database_user, request_id, action, target_type, target_id, result, created_at
        FROM operator_actions WHERE id < $1 ORDER BY id DESC LIMIT $2";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&before.unwrap_or(i64::MAX), &limit]).await?;
    rows.iter().map(TryInto::try_into).collect()
}

/// Deletes up to `limit` entries from before `time`, and returns their number.
pub async fn delete_before(
    db: &impl GenericClient,
    time: DateTime<Utc>,
    limit: i64,
) -> Result<u64, StoreError> {
    const SQL: &str = "
        DELETE FROM operator_actions WHERE id = ANY (ARRAY(
            SELECT id FROM operator_actions WHERE created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ))";
    let statement = db.prepare_cached(SQL).await?;
    Ok(db.execute(&statement, &[&time, &limit]).await?)
}
