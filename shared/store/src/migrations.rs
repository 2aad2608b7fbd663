//! Runs the embedded migrations `migrations/V<number>__<name>.sql`: each once, in order, in a
//! transaction.

use tokio_postgres::Client;

use crate::StoreError;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// An arbitrary number, the same in every process that migrates, so that concurrent runs take
/// turns.
const ADVISORY_LOCK: i64 = 7_305_808_869_231_650_664;

/// Applies the missing migrations and returns their names. An advisory lock makes concurrent runs
/// take turns.
///
/// # Errors
/// [`StoreError::Migration`] names the migration that failed; the ones before it stay applied.
pub async fn run(client: &mut Client) -> Result<Vec<String>, StoreError> {
    client.execute("SELECT pg_advisory_lock($1)", &[&ADVISORY_LOCK]).await?;
    // Accepts unknown newer migrations: after a rollback, the previous code runs on the newer
    // schema.
    let runner = embedded::migrations::runner().set_abort_missing(false);
    let outcome = runner.run_async(client).await;
    client.execute("SELECT pg_advisory_unlock($1)", &[&ADVISORY_LOCK]).await?;
    Ok(outcome?.applied_migrations().iter().map(ToString::to_string).collect())
}
