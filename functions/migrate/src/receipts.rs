//! Reopens receipts of requests after a restore of Postgres: a command for an operator with
//! access to the table.

use app::Config;
use chrono::{DateTime, Utc};
use clients::table::Table;
use lambda_runtime::Error;
use tracing::info;

/// Reopens the receipts of requests that were executed after `since`, the point in time of the
/// restored database, such as `2026-11-28T02:00:00Z`. Returns their number. Safe to run again.
///
/// # Errors
/// `since` is not a time, or DynamoDB does not respond.
pub async fn reopen(config: &Config, since: &str) -> Result<usize, Error> {
    let since: DateTime<Utc> =
        since.parse().map_err(|_| format!("{since:?} is not a time such as 2026-11-28T02:00:00Z"))?;
    let count = Table::new(&config.aws.load()?, &config.table_name).reopen_receipts(since).await?;
    info!(count, %since, "receipts reopened");
    Ok(count)
}
