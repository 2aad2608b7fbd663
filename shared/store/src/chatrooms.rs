//! `chatrooms`: conversations.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::{ChatroomId, UserId};
use tokio_postgres::Row;

use crate::StoreError;
use crate::messages::Message;

/// A conversation as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chatroom {
    /// Its id.
    pub id: ChatroomId,
    /// What the owner calls it.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// How many messages it holds, answers included.
    pub message_count: i64,
    /// When the newest of them came.
    pub last_message_at: Option<DateTime<Utc>>,
}

const COLUMNS: &str = "c.id, c.name, c.description, c.created_at, c.message_count, c.last_message_at";

impl TryFrom<&Row> for Chatroom {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: ChatroomId(row.try_get("id")?),
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            created_at: row.try_get("created_at")?,
            message_count: row.try_get("message_count")?,
            last_message_at: row.try_get("last_message_at")?,
        })
    }
}

/// A conversation about to be opened.
#[derive(Debug, Clone, Copy)]
pub struct NewChatroom<'a> {
    /// Its id.
    pub id: ChatroomId,
    /// What it is called.
    pub name: &'a str,
    /// What it is about.
    pub description: Option<&'a str>,
    /// What the model is told before anything else.
    pub system_prompt: Option<&'a str>,
    /// Now.
    pub created_at: DateTime<Utc>,
}

/// Opens a conversation of `owner`. `None` when there is no such user.
///
/// # Errors
/// When Postgres does not answer.
pub async fn insert(
    db: &impl GenericClient,
    owner: UserId,
    room: NewChatroom<'_>,
) -> Result<Option<Chatroom>, StoreError> {
    let sql = format!(
        "WITH c AS (
            INSERT INTO chatrooms (id, user_id, name, description, system_prompt, created_at, updated_at)
            SELECT $1, users.id, $3, $4, $5, $6, $6 FROM users WHERE users.id = $2 AND users.deleted_at IS NULL
            RETURNING *
        ), counted AS (
            UPDATE users SET chatroom_count = chatroom_count + 1 FROM c WHERE users.id = c.user_id
        )
        SELECT {COLUMNS} FROM c"
    );
    let statement = db.prepare_cached(&sql).await?;
    let row = db
        .query_opt(
            &statement,
            &[&room.id.0, &owner.0, &room.name, &room.description, &room.system_prompt, &room.created_at],
        )
        .await?;
    row.as_ref().map(TryInto::try_into).transpose()
}

/// A conversation of `owner`.
///
/// # Errors
/// When Postgres does not answer.
pub async fn find(
    db: &impl GenericClient,
    owner: UserId,
    room: ChatroomId,
) -> Result<Option<Chatroom>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM chatrooms c WHERE c.id = $1 AND c.user_id = $2");
    let statement = db.prepare_cached(&sql).await?;
    let row = db.query_opt(&statement, &[&room.0, &owner.0]).await?;
    row.as_ref().map(TryInto::try_into).transpose()
}

/// A page of `owner`'s conversations, the newest first: at most `limit`, all older than `before`. Of an account that is being deleted there
/// are none: what is read may be cached.
///
/// # Errors
/// When Postgres does not answer.
pub async fn list(
    db: &impl GenericClient,
    owner: UserId,
    before: Option<ChatroomId>,
    limit: i64,
) -> Result<Vec<Chatroom>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM chatrooms c
        WHERE c.user_id = $1 AND c.id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
            AND EXISTS (SELECT FROM users WHERE id = $1 AND deleted_at IS NULL)
        ORDER BY c.id DESC LIMIT $3"
    );
    let statement = db.prepare_cached(&sql).await?;
    let rows = db.query(&statement, &[&owner.0, &before.map(|id| id.0), &limit]).await?;
    rows.iter().map(TryInto::try_into).collect()
}

/// `owner`'s conversations with what the model is told in each, in the order in which they were opened: at most `limit`, all
/// after `after`.
///
/// # Errors
/// When Postgres does not answer.
pub async fn list_whole(
    db: &impl GenericClient,
    owner: UserId,
    after: Option<ChatroomId>,
    limit: i64,
) -> Result<Vec<(Chatroom, Option<String>)>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, c.system_prompt FROM chatrooms c
        WHERE c.user_id = $1 AND c.id > coalesce($2, '00000000-0000-0000-0000-000000000000'::uuid)
        ORDER BY c.id LIMIT $3"
    );
    let statement = db.prepare_cached(&sql).await?;
    let rows = db.query(&statement, &[&owner.0, &after.map(|id| id.0), &limit]).await?;
    rows.iter().map(|row| Ok((row.try_into()?, row.try_get("system_prompt")?))).collect()
}

/// A conversation of `owner` and a page of its messages, the newest first: at most `limit`, all before the position
/// `before`.
///
/// # Errors
/// When Postgres does not answer.
pub async fn find_with_messages(
    db: &impl GenericClient,
    owner: UserId,
    room: ChatroomId,
    before: Option<i64>,
    limit: i64,
) -> Result<Option<(Chatroom, Vec<Message>)>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, m.id AS m_id, m.content, m.message_type, m.processing_status, m.position,
            m.created_at AS m_created_at
        FROM chatrooms c
        LEFT JOIN LATERAL (
            SELECT * FROM messages
            WHERE messages.chatroom_id = c.id AND messages.position < coalesce($3, 9223372036854775807)
            ORDER BY messages.position DESC LIMIT $4
        ) m ON true
        WHERE c.id = $1 AND c.user_id = $2
        ORDER BY m.position DESC"
    );
    let statement = db.prepare_cached(&sql).await?;
    let rows = db.query(&statement, &[&room.0, &owner.0, &before, &limit]).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let mut messages = Vec::with_capacity(rows.len());
    for row in &rows {
        // A room without messages comes as one row with none.
        if row.try_get::<_, Option<i64>>("position")?.is_some() {
            messages.push(Message::from_joined(row)?);
        }
    }
    Ok(Some((first.try_into()?, messages)))
}

/// What is to be changed of a conversation; `None` leaves a field as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes<'a> {
    /// What it is called.
    pub name: Option<&'a str>,
    /// What it is about; empty takes it away.
    pub description: Option<&'a str>,
    /// What the model is told before anything else; empty takes it away.
    pub system_prompt: Option<&'a str>,
}

/// Changes a conversation of `owner` and answers it as it is then.
///
/// # Errors
/// When Postgres does not answer.
pub async fn update(
    db: &impl GenericClient,
    owner: UserId,
    room: ChatroomId,
    changes: Changes<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Chatroom>, StoreError> {
    let sql = format!(
        "UPDATE chatrooms c SET name = coalesce($3, c.name),
            description = nullif(coalesce($4, c.description), ''),
            system_prompt = nullif(coalesce($5, c.system_prompt), ''), updated_at = $6
        WHERE c.id = $1 AND c.user_id = $2
        RETURNING {COLUMNS}"
    );
    let Changes { name, description, system_prompt } = changes;
    let statement = db.prepare_cached(&sql).await?;
    let row =
        db.query_opt(&statement, &[&room.0, &owner.0, &name, &description, &system_prompt, &now]).await?;
    row.as_ref().map(TryInto::try_into).transpose()
}

/// Deletes a conversation of `owner` with all its messages, and gives the units of quota of those back that were not
/// answered yet. Answers whether there was one.
///
/// # Errors
/// When Postgres does not answer.
pub async fn delete(db: &impl GenericClient, owner: UserId, room: ChatroomId) -> Result<bool, StoreError> {
    // Counting what was done before makes it be done before: messages, then usage, then the person's counters, in the order
    // in which all statements take their locks.
    const SQL: &str = "
        WITH room AS (
            SELECT id FROM chatrooms WHERE id = $1 AND user_id = $2 FOR UPDATE
        ), emptied AS (
            DELETE FROM messages USING room WHERE messages.chatroom_id = room.id
            RETURNING messages.user_id, messages.quota_day, messages.processing_status
        ), unanswered AS (
            SELECT user_id, quota_day, count(*) AS units FROM emptied
            WHERE processing_status IN ('pending', 'processing') GROUP BY user_id, quota_day
        ), refunded AS (
            UPDATE daily_usage d SET messages = greatest(d.messages - unanswered.units, 0)::integer
            FROM unanswered WHERE d.user_id = unanswered.user_id AND d.day = unanswered.quota_day
            RETURNING 1
        ), gone AS (
            DELETE FROM chatrooms c USING room
            WHERE c.id = room.id AND (SELECT count(*) FROM emptied) + (SELECT count(*) FROM refunded) >= 0
            RETURNING c.user_id, c.message_count, c.ai_response_count
        )
        UPDATE users u SET
            chatroom_count = u.chatroom_count - 1,
            message_count = u.message_count - (gone.message_count - gone.ai_response_count),
            ai_response_count = u.ai_response_count - gone.ai_response_count
        FROM gone WHERE u.id = gone.user_id";
    let statement = db.prepare_cached(SQL).await?;
    Ok(db.execute(&statement, &[&room.0, &owner.0]).await? == 1)
}
