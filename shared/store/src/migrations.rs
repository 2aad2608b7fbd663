//! The schema's history, embedded: `migrations/V<number>__<what>.sql`, each run once, in order, in a transaction.

use tokio_postgres::Client;

use crate::StoreError;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Any number, the same for all who migrate one database: they take turns.
const ADVISORY_LOCK: i64 = 7_305_808_869_231_650_664;

/// Brings the schema up to date and answers the names of the migrations that ran. Runs beside each other take turns.
///
/// # Errors
/// [`StoreError::Migration`] naming the one that failed; those before it stay.
pub async fn run(client: &mut Client) -> Result<Vec<String>, StoreError> {
    client.execute("SELECT pg_advisory_lock($1)", &[&ADVISORY_LOCK]).await?;
    // A newer schema is no fault: a deployment that is rolled back runs the code before over the schema after.
    let runner = embedded::migrations::runner().set_abort_missing(false);
    let outcome = runner.run_async(client).await;
    client.execute("SELECT pg_advisory_unlock($1)", &[&ADVISORY_LOCK]).await?;
    Ok(outcome?.applied_migrations().iter().map(ToString::to_string).collect())
}
