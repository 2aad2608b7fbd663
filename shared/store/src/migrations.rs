//! Runs the embedded migrations `migrations/V<number>__<name>.sql`: each once, in order, in a
//! transaction. Then builds the indexes of `migrations/concurrent_indexes.sql` that are missing,
//! while writes go on.

use std::error::Error as _;
use std::time::Duration;

use refinery::Report;
use tokio::time::sleep;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::StoreError;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// An arbitrary number, the same in every process that migrates, so that concurrent runs take
/// turns.
const ADVISORY_LOCK: i64 = 7_305_808_869_231_650_664;

/// The wait between two attempts to take the lock.
const LOCK_INTERVAL: Duration = Duration::from_millis(200);

/// How long a migration waits for the lock on a table. A statement that waits for it blocks every
/// later reader and writer of the table: a backup or another long transaction would stop the
/// service. Shorter than Postgres's `deadlock_timeout` of a second, so that in a deadlock the
/// migration gives way, not the request.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '500ms'";

/// The wait before a migration that got no lock is tried again, so that blocked requests go on.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// The statements that build indexes outside of a transaction, one in a line.
const CONCURRENT_INDEXES: &str = include_str!("../migrations/concurrent_indexes.sql");

/// Applies the missing migrations and returns their names, and builds missing indexes. An advisory
/// lock makes concurrent runs take turns.
///
/// # Errors
/// [`StoreError::Migration`] names the migration that failed; the ones before it stay applied.
pub async fn run(client: &mut Client) -> Result<Vec<String>, StoreError> {
    lock(client).await?;
    let outcome = migrate(client).await;
    let indexes = match &outcome {
        Ok(_) => build_indexes(client).await,
        Err(_) => Ok(()),
    };
    client.execute("SELECT pg_advisory_unlock($1)", &[&ADVISORY_LOCK]).await?;
    let applied = outcome?;
    indexes?;
    Ok(applied)
}

/// Applies the missing migrations and returns their names. A migration that gets no lock soon is
/// tried again until it does. The caller decides how long that may take.
async fn migrate(client: &mut Client) -> Result<Vec<String>, StoreError> {
    // Accepts unknown newer migrations: after a rollback, the previous code runs on the newer
    // schema.
    let runner = embedded::migrations::runner().set_abort_missing(false);
    let mut applied = Vec::new();
    loop {
        client.batch_execute(LOCK_TIMEOUT).await?;
        let outcome = runner.run_async(client).await;
        // Not for the indexes: their build waits for transactions without blocking others.
        client.batch_execute("RESET lock_timeout").await?;
        match outcome {
            Ok(report) => {
                applied.extend(names(&report));
                return Ok(applied);
            }
            Err(error) if is_lock_timeout(&error) => {
                applied.extend(error.report().into_iter().flat_map(names));
                sleep(RETRY_INTERVAL).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn names(report: &Report) -> impl Iterator<Item = String> {
    report.applied_migrations().iter().map(ToString::to_string)
}

fn is_lock_timeout(error: &refinery::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<tokio_postgres::Error>());
    cause.is_some_and(|cause| cause.code() == Some(&SqlState::LOCK_NOT_AVAILABLE))
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
