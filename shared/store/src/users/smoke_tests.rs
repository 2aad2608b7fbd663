//! The accounts of smoke tests, which a deployment creates and deletes.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use super::COLUMNS;
use super::credentials::{CREDENTIALS, Credentials};
use crate::StoreError;

/// Lists the accounts that interrupted smoke tests have left: those called `name`, created before
/// `before`, with a number of North America that is reserved for fiction (555-0100 to 555-0199).
pub async fn list_abandoned(
    db: &impl GenericClient,
    name: &str,
    before: DateTime<Utc>,
) -> Result<Vec<Credentials>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, {CREDENTIALS} FROM users
        WHERE name = $1 AND mobile_number LIKE '+1___55501__' AND created_at < $2 AND deleted_at IS NULL"
    );
    let statement = db.prepare_cached(&sql).await?;
    let rows = db.query(&statement, &[&name, &before]).await?;
    rows.iter().map(TryInto::try_into).collect()
}
