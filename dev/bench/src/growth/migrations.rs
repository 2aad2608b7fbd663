//! How long the migrations since the generations of V15 take with much data, and how long messages
//! wait meanwhile.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join;
use harness::{DbObserver, TestEnvironment, unique};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::report::Row;
use crate::sample::Sample;

/// The first migration to measure.
const FIRST: u32 = 15;
/// How often a migration is tried, and the wait between two attempts.
const MAX_ATTEMPTS: u32 = 60;
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

const UNDO: &str = include_str!("undo_migrations.sql");

/// A step, by the name of its file or index, and its statements.
struct Step {
    name: String,
    sql: String,
}

/// Undoes the migrations and applies them again one by one, while a writer sends and answers
/// messages in `room` as the release before V15 does. Returns a row for each step.
pub(super) async fn measure(environment: &TestEnvironment, room: Uuid) -> Result<Vec<Row>> {
    let db = &environment.db;
    db.batch(&format!("BEGIN; {UNDO} COMMIT")).await.context("undoing the migrations")?;
    let folder = environment.home.root().join("shared/store/migrations");
    let writer = DbObserver::connect(environment.direct_url("DATABASE_URL")?).await?;
    let mut rows = Vec::new();
    for step in steps(&folder)? {
        let is_applied = Cell::new(false);
        let apply = async {
            let begun = Instant::now();
            apply_step(db, &step).await?;
            is_applied.set(true);
            anyhow::Ok(begun.elapsed())
        };
        let (took, waits) = try_join(apply, send_until(&writer, room, &is_applied)).await?;
        let row = Row::default()
            .text("step", step.name)
            .seconds("duration s", took)
            .ms("message p50 ms", waits.median())
            .ms("slowest message ms", waits.percentile(100));
        rows.push(row);
    }
    Ok(rows)
}

/// Applies one step. As in a deployment, a migration that gets no lock within half a second gives way
/// to the writer and is tried again.
async fn apply_step(db: &DbObserver, step: &Step) -> Result<()> {
    if !step.sql.starts_with("BEGIN") {
        // The build of an index blocks no writer while it waits.
        db.batch("RESET lock_timeout").await?;
        return db.batch(&step.sql).await.with_context(|| step.name.clone());
    }
    db.batch("SET lock_timeout = '500ms'").await?;
    let mut attempts = 0;
    while let Err(error) = db.batch(&step.sql).await {
        attempts += 1;
        ensure!(attempts < MAX_ATTEMPTS, "{}: {error:#}", step.name);
        db.batch("ROLLBACK").await?;
        sleep(RETRY_INTERVAL).await;
    }
    Ok(())
}

/// The migrations, each in one transaction as refinery applies it, and the indexes that are built
/// after them.
fn steps(folder: &Path) -> Result<Vec<Step>> {
    let mut migrations = Vec::new();
    for file in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let version = name.strip_prefix('V').and_then(|rest| rest.split("__").next()?.parse::<u32>().ok());
        if let Some(version) = version.filter(|version| *version >= FIRST) {
            let sql = format!("BEGIN; {} COMMIT", fs::read_to_string(&path)?);
            migrations.push((version, Step { name, sql }));
        }
    }
    ensure!(!migrations.is_empty(), "no migrations from V{FIRST} on in {}", folder.display());
    migrations.sort_by_key(|(version, _)| *version);
    let indexes = fs::read_to_string(folder.join("concurrent_indexes.sql"))?;
    let indexes = indexes.lines().filter(|line| line.starts_with("CREATE")).map(|sql| {
        let name = sql.split_whitespace().find(|word| word.ends_with("_idx") || word.ends_with("_key"));
        Step { name: name.unwrap_or(sql).to_owned(), sql: sql.to_owned() }
    });
    Ok(migrations.into_iter().map(|(_, step)| step).chain(indexes).collect())
}

/// Sends and answers messages one after the other, at least one, until `is_over`. Returns how long
/// each took.
async fn send_until(db: &DbObserver, room: Uuid, is_over: &Cell<bool>) -> Result<Sample> {
    let mut times = Sample::default();
    loop {
        let begun = Instant::now();
        db.batch(&message(room)).await.context("sending a message")?;
        times.push(begun.elapsed());
        if is_over.get() {
            return Ok(times);
        }
        // A migration that blocks this task's thread would hide a wait.
        tokio::task::yield_now().await;
    }
}

/// What the release before V15 writes when a message is accepted, and when it is answered.
fn message(room: Uuid) -> String {
    #[expect(clippy::disallowed_methods, reason = "the ids of messages are in the order of this clock")]
    let (question, answer, text) = (Uuid::now_v7(), Uuid::now_v7(), unique("message"));
    format!(
        "BEGIN;
        UPDATE chatrooms SET last_position = last_position + 2, message_count = message_count + 1, last_message_at = now()
        WHERE id = '{room}';
        INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status, quota_day,
            sweep_at, created_at, updated_at)
        SELECT '{question}', id, user_id, last_position - 1, 'user', '{text}', 'pending', current_date,
            now() + interval '1 minute', now(), now()
        FROM chatrooms WHERE id = '{room}';
        INSERT INTO daily_usage AS d (user_id, day, messages) SELECT user_id, current_date, 1 FROM chatrooms WHERE id = '{room}'
        ON CONFLICT (user_id, day) DO UPDATE SET messages = d.messages + 1;
        COMMIT;
        BEGIN;
        UPDATE chatrooms SET message_count = message_count + 1, ai_response_count = ai_response_count + 1 WHERE id = '{room}';
        UPDATE messages SET processing_status = 'completed', attempts = 1, sweep_at = NULL WHERE id = '{question}';
        INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status, reply_to, model,
            search_tokens, created_at, updated_at)
        SELECT '{answer}', id, user_id, last_position, 'ai', '{text}', 'completed', '{question}', 'gemini-3.5-flash', '{{}}',
            now(), now()
        FROM chatrooms WHERE id = '{room}';
        COMMIT"
    )
}
