//! Fills the database with years of data by `seed.sql`, while indexes and constraints are dropped.

use anyhow::{Context as _, Result};
use harness::DbObserver;
use stack::progress::print;
use tokio::time::Instant;
use uuid::Uuid;

use crate::Mode;

const SQL: &str = include_str!("seed.sql");

/// The tables that grow with use.
pub(super) const TABLES: [&str; 9] = [
    "users",
    "sessions",
    "chatrooms",
    "messages",
    "generations",
    "daily_usage",
    "subscriptions",
    "feedback",
    "daily_ratings",
];

/// The number of rows in [`Mode::Full`] by the placeholders in `seed.sql`. `:talkers` are the users
/// with messages, `:rooms` the chatrooms of the large account.
const ROWS: [(&str, i64); 6] = [
    (":users", 1_000_000),
    (":talkers", 300_000),
    (":messages", 10_000_000),
    (":rooms", 10_000),
    (":unfinished", 3_000),
    (":failed", 2_000),
];

pub(super) fn rows(mode: Mode) -> [(&'static str, i64); ROWS.len()] {
    ROWS.map(|(name, rows)| (name, rows / mode.of(100, 1)))
}

/// The ids of an account with much data and of one with little.
#[derive(Clone, Copy)]
pub(super) struct Accounts {
    pub(super) large: Uuid,
    pub(super) small: Uuid,
}

/// Ids of an account's data.
pub(super) struct Ids {
    /// All chatrooms, the newest first.
    pub(super) rooms: Vec<Uuid>,
    /// The chatroom with the most messages, their number, and one of them.
    pub(super) room: Uuid,
    pub(super) messages: i64,
    pub(super) message: Uuid,
}

/// Fills the database, in which both accounts exist without data.
pub(super) async fn fill(db: &DbObserver, mode: Mode, accounts: Accounts) -> Result<()> {
    const NOW: &str = "SELECT (extract(epoch FROM now()) * 1000)::bigint";
    let begun = Instant::now();
    let now = db.value(NOW, &[]).await?;
    let dropped = drop_indexes(db).await?;
    for step in steps(mode, accounts, now) {
        timed(step.lines().next().unwrap_or_default(), db.batch(&format!("--{step}"))).await?;
    }
    for (name, sql) in dropped.iter().rev() {
        timed(name, db.batch(sql)).await?;
    }
    timed("statistics", db.batch("VACUUM (ANALYZE)")).await?;
    print(format_args!("  {:<44}{:>8.1} s\n", "seed in total", begun.elapsed().as_secs_f64()));
    Ok(())
}

/// The steps of `seed.sql`, each of which begins with its name. `now` is in milliseconds since
/// 1970.
fn steps(mode: Mode, accounts: Accounts, now: i64) -> Vec<String> {
    let rows = rows(mode);
    // Messages are three seconds apart. A few more follow after those of the placeholders.
    let is_message = |name: &str| [":messages", ":unfinished", ":failed"].contains(&name);
    let messages: i64 = rows.iter().filter(|(name, _)| is_message(name)).map(|(_, rows)| rows).sum();
    let begin = now - (messages + 70) * 3_000;
    let mut sql = SQL.replace(":begin_ms", &begin.to_string());
    for (name, rows) in rows {
        sql = sql.replace(name, &rows.to_string());
    }
    sql = sql.replace(":large", &accounts.large.to_string()).replace(":small", &accounts.small.to_string());
    sql.split("\n//").skip(1).map(str::to_owned).collect()
}

/// Drops indexes and constraints. Returns their names and the statements that create them, in
/// reverse order.
async fn drop_indexes(db: &DbObserver) -> Result<Vec<(String, String)>> {
    // Foreign keys first, because they depend on the others.
    const DROPS: &str = "
        SELECT conname::text AS name, format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop_sql,
            format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS create_sql,
            contype <> 'f' AS later
        FROM pg_constraint
        WHERE contype IN ('p', 'u') AND conrelid = ANY($1::text[]::regclass[])
            OR contype = 'f' AND (conrelid = ANY($1::text[]::regclass[]) OR confrelid = ANY($1::text[]::regclass[]))
        UNION ALL
        SELECT i.indexrelid::regclass::text, format('DROP INDEX %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid), true
        FROM pg_index i WHERE i.indrelid = ANY($1::text[]::regclass[])
            AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u'))
        ORDER BY later, name";
    let mut dropped = Vec::new();
    for row in db.query(DROPS, &[&TABLES.as_slice()]).await? {
        let (name, drop, create): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        db.batch(&drop).await?;
        dropped.push((name, create));
    }
    Ok(dropped)
}

async fn timed(name: &str, step: impl Future<Output = Result<()>>) -> Result<()> {
    let begun = Instant::now();
    step.await.with_context(|| format!("seeding: {name}"))?;
    print(format_args!("  {name:<44}{:>8.1} s\n", begun.elapsed().as_secs_f64()));
    Ok(())
}

pub(super) async fn ids_of(db: &DbObserver, user: Uuid) -> Result<Ids> {
    const ROOMS: &str = "SELECT id, message_count FROM chatrooms WHERE user_id = $1 ORDER BY id DESC";
    const MESSAGE: &str = "SELECT id FROM messages WHERE chatroom_id = $1 AND position = $2";
    let rows = db.query(ROOMS, &[&user]).await?;
    let rooms: Vec<(Uuid, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let &(room, messages) =
        rooms.iter().max_by_key(|(_, messages)| messages).context("the user has no chatroom")?;
    // A question in the middle of the chatroom.
    let message = db.value(MESSAGE, &[&room, &(messages / 4 * 2 + 1)]).await?;
    Ok(Ids { rooms: rooms.into_iter().map(|(id, _)| id).collect(), room, messages, message })
}
