//! The accounts of smoke tests, which a deployment creates and deletes.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use super::COLUMNS;
use super::credentials::{CREDENTIALS, Credentials};
use crate::StoreError;

/// Lists the accounts that interrupted smoke tests have left: those called `name` with one of `numbers`,
/// created before `before`.
pub async fn list_abandoned(
    db: &impl GenericClient,
    name: &str,
    numbers: &[String],
    before: DateTime<Utc>,
) -> Result<Vec<Credentials>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, {CREDENTIALS} FROM users
        WHERE mobile_number = ANY ($2) AND name = $1 AND created_at < $3 AND deleted_at IS NULL"
    );
    let statement = db.prepare_cached(&sql).await?;
    let rows = db.query(&statement, &[&name, &numbers, &before]).await?;
    rows.iter().map(TryInto::try_into).collect()
}
