//! Filling the database as years of use would: by `seed.sql`, with indexes and constraints taken away meanwhile.

use anyhow::{Context as _, Result};
use harness::look::Look;
use stack::progress::print;
use tokio::time::Instant;
use uuid::Uuid;

use crate::Depth;

const SQL: &str = include_str!("seed.sql");

/// The tables that grow with use.
pub(super) const TABLES: [&str; 6] =
    ["users", "sessions", "chatrooms", "messages", "daily_usage", "subscriptions"];

/// How many of everything there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) users: i64,
    /// Those of them who have said something.
    talkers: i64,
    /// In all rooms. A tenth of them is in the great one.
    pub(super) messages: i64,
    /// Of the person who has many.
    pub(super) rooms: i64,
    unfinished: i64,
    failed: i64,
}

impl Size {
    pub(super) fn of(depth: Depth) -> Self {
        let less = depth.of(100, 1);
        Self {
            users: 1_000_000 / less,
            talkers: 300_000 / less,
            messages: 10_000_000 / less,
            rooms: 10_000 / less,
            unfinished: 3_000 / less,
            failed: 2_000 / less,
        }
    }
}

/// Somebody of whom there is much, and somebody of whom there is little.
#[derive(Debug, Clone, Copy)]
pub(super) struct People {
    pub(super) great: Uuid,
    pub(super) small: Uuid,
}

/// What of the seed requests are about.
#[derive(Debug)]
pub(super) struct Places {
    /// All rooms of a person, the newest first.
    pub(super) rooms: Vec<Uuid>,
    /// The room in which they say most.
    pub(super) room: Uuid,
    /// How many messages that has.
    pub(super) messages: i64,
    /// One of these.
    pub(super) message: Uuid,
}

/// Fills the database, where both `people` have an account and nothing else.
pub(super) async fn plant(db: &Look, size: Size, people: People) -> Result<()> {
    const NOW: &str = "SELECT (extract(epoch FROM now()) * 1000)::bigint";
    let begun = Instant::now();
    let now = db.query_one(NOW, &[]).await?.get(0);
    let taken = take_away(db).await?;
    for step in steps(size, people, now) {
        timed(step.lines().next().unwrap_or_default(), db.batch(&format!("--{step}"))).await?;
    }
    for (name, sql) in taken.iter().rev() {
        timed(name, db.batch(sql)).await?;
    }
    timed("statistics", db.batch("VACUUM (ANALYZE)")).await?;
    print(format_args!("  {:<44}{:>8.1} s\n", "all of the seed", begun.elapsed().as_secs_f64()));
    Ok(())
}

/// The steps of `seed.sql`, each of which begins with its name; `now` is in milliseconds since 1970.
fn steps(size: Size, people: People, now: i64) -> Vec<String> {
    let Size { users, talkers, messages, rooms, unfinished, failed } = size;
    // A step of three seconds for each message, the few that come after the many included.
    let begin = now - (messages + 10 + unfinished + failed + 60) * 3000;
    let mut sql = SQL.to_owned();
    for (name, value) in [
        (":begin_ms", begin.to_string()),
        (":users", users.to_string()),
        (":talkers", talkers.to_string()),
        (":messages", messages.to_string()),
        (":rooms", rooms.to_string()),
        (":unfinished", unfinished.to_string()),
        (":failed", failed.to_string()),
        (":great_room", (rooms / 2).to_string()),
        (":great", people.great.to_string()),
        (":small", people.small.to_string()),
    ] {
        sql = sql.replace(name, &value);
    }
    sql.split("\n//").skip(1).map(str::to_owned).collect()
}

/// Takes away what makes writing slow, and answers by what statements it is made again, the last first.
async fn take_away(db: &Look) -> Result<Vec<(String, String)>> {
    // Foreign keys first, for they lean on the others.
    const DROPS: &str = "
        SELECT conname::text AS name, format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS away,
            format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS again,
            contype <> 'f' AS later
        FROM pg_constraint WHERE contype IN ('f', 'p', 'u') AND conrelid = ANY($1::text[]::regclass[])
        UNION ALL
        SELECT i.indexrelid::regclass::text, format('DROP INDEX %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid), true
        FROM pg_index i WHERE i.indrelid = ANY($1::text[]::regclass[])
            AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u'))
        ORDER BY later, name";
    let mut taken = Vec::new();
    for row in db.query(DROPS, &[&TABLES.as_slice()]).await? {
        let (name, away, again): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        db.batch(&away).await?;
        taken.push((name, again));
    }
    Ok(taken)
}

async fn timed(name: &str, step: impl Future<Output = Result<()>>) -> Result<()> {
    let begun = Instant::now();
    step.await.with_context(|| format!("seeding: {name}"))?;
    print(format_args!("  {name:<44}{:>8.1} s\n", begun.elapsed().as_secs_f64()));
    Ok(())
}

/// What requests of `person` are about.
pub(super) async fn places(db: &Look, person: Uuid) -> Result<Places> {
    const ROOMS: &str = "SELECT id, message_count FROM chatrooms WHERE user_id = $1 ORDER BY id DESC";
    const MESSAGE: &str = "SELECT id FROM messages WHERE chatroom_id = $1 AND position = $2";
    let rows = db.query(ROOMS, &[&person]).await?;
    let rooms: Vec<(Uuid, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let &(room, messages) = rooms.iter().max_by_key(|(_, messages)| messages).context("nobody has a room")?;
    // Halfway, where a question stands.
    let message = db.query_one(MESSAGE, &[&room, &(messages / 4 * 2 + 1)]).await?.get(0);
    Ok(Places { rooms: rooms.into_iter().map(|(id, _)| id).collect(), room, messages, message })
}
