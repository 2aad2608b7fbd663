//! Runs the embedded migrations `migrations/V<number>__<name>.sql`: each once, in order, in a
//! transaction. Then builds the indexes of `migrations/concurrent_indexes.sql` that are missing,
//! while writes go on.

use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::Client;

use crate::StoreError;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// An arbitrary number, the same in every process that migrates, so that concurrent runs take
/// turns.
const ADVISORY_LOCK: i64 = 7_305_808_869_231_650_664;

/// The wait between two attempts to take the lock.
const LOCK_INTERVAL: Duration = Duration::from_millis(200);

/// The statements that build indexes outside of a transaction, one in a line.
const CONCURRENT_INDEXES: &str = include_str!("../migrations/concurrent_indexes.sql");

/// Applies the missing migrations and returns their names, and builds missing indexes. An advisory
/// lock makes concurrent runs take turns.
///
/// # Errors
/// [`StoreError::Migration`] names the migration that failed; the ones before it stay applied.
pub async fn run(client: &mut Client) -> Result<Vec<String>, StoreError> {
    lock(client).await?;
    // Accepts unknown newer migrations: after a rollback, the previous code runs on the newer
    // schema.
    let runner = embedded::migrations::runner().set_abort_missing(false);
    let outcome = runner.run_async(client).await;
    let indexes = match &outcome {
        Ok(_) => build_indexes(client).await,
        Err(_) => Ok(()),
    };
    client.execute("SELECT pg_advisory_unlock($1)", &[&ADVISORY_LOCK]).await?;
    let applied = outcome?.applied_migrations().iter().map(ToString::to_string).collect();
    indexes?;
    Ok(applied)
}

/// Takes the advisory lock. A statement that waits for it would hold a snapshot, and a concurrent
/// index build of the lock's owner waits for all older snapshots.
async fn lock(client: &Client) -> Result<(), StoreError> {
    while !client
        .query_one("SELECT pg_try_advisory_lock($1)", &[&ADVISORY_LOCK])
        .await?
        .try_get::<_, bool>(0)?
    {
        sleep(LOCK_INTERVAL).await;
    }
    Ok(())
}

/// Builds the missing indexes, and again those of an earlier run that was interrupted. Those are
/// invalid, and `IF NOT EXISTS` would keep them.
async fn build_indexes(client: &Client) -> Result<(), StoreError> {
    const INVALID: &str = "
        SELECT indexrelid::regclass::text AS name FROM pg_index
        WHERE NOT indisvalid
            AND indrelid IN ('messages'::regclass, 'daily_usage'::regclass, 'chatrooms'::regclass)";
    for row in client.query(INVALID, &[]).await? {
        let name: &str = row.try_get("name")?;
        client.batch_execute(&format!("DROP INDEX CONCURRENTLY {name}")).await?;
    }
    for statement in CONCURRENT_INDEXES.lines().filter(|line| line.starts_with("CREATE")) {
        client.batch_execute(statement).await?;
    }
    Ok(())
}
