//! `chatrooms`: the chatrooms of a user.

pub mod client_ids;
pub mod titles;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::{ChatroomCursor, ChatroomId, ChatroomSort, UserId, title};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::messages::{self, BranchMessage, tree};
use crate::{StoreError, feedback};

/// A chatroom as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chatroom {
    /// The id.
    pub id: ChatroomId,
    /// The owner.
    pub user_id: UserId,
    /// The name that the owner chose, or else a title.
    pub name: String,
    /// The topic, as the owner describes it.
    pub description: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When its settings were last changed.
    pub updated_at: DateTime<Utc>,
    /// The number of messages, answers included.
    pub message_count: i64,
    /// When the newest message was stored.
    pub last_message_at: Option<DateTime<Utc>>,
}

const COLUMNS: &str =
    "c.id, c.user_id, c.name, c.description, c.created_at, c.updated_at, c.message_count, c.last_message_at";

impl TryFrom<&Row> for Chatroom {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: ChatroomId(row.try_get("id")?),
            user_id: UserId(row.try_get("user_id")?),
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            message_count: row.try_get("message_count")?,
            last_message_at: row.try_get("last_message_at")?,
        })
    }
}

/// A chatroom with all of its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatroomDetails {
    /// The chatroom.
    pub chatroom: Chatroom,
    /// The system prompt for the model.
    pub system_prompt: Option<String>,
    /// The model that the owner has chosen. `None`: the default of the plan.
    pub model: Option<String>,
}

/// The columns of the settings that only [`ChatroomDetails`] have. A message also has a `model`.
const SETTINGS: &str = "c.system_prompt, c.model AS chatroom_model";

impl TryFrom<&Row> for ChatroomDetails {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            chatroom: row.try_into()?,
            system_prompt: row.try_get("system_prompt")?,
            model: row.try_get("chatroom_model")?,
        })
    }
}

/// A chatroom to insert.
#[derive(Debug, Clone, Copy)]
pub struct NewChatroom<'a> {
    /// The id.
    pub id: ChatroomId,
    /// The name. `None`: a title takes its place once there is an answer.
    pub name: Option<&'a str>,
    /// The topic.
    pub description: Option<&'a str>,
    /// The system prompt for the model.
    pub system_prompt: Option<&'a str>,
    /// The model that the owner has chosen.
    pub model: Option<&'a str>,
    /// The current time.
    pub created_at: DateTime<Utc>,
}

/// Inserts a chatroom of `owner` and counts it. `None` if there is no such user or the deletion of
/// the account has started.
pub async fn insert(
    db: &impl GenericClient,
    owner: UserId,
    chatroom: NewChatroom<'_>,
) -> Result<Option<Chatroom>, StoreError> {
    let sql = format!(
        "WITH c AS (
            INSERT INTO chatrooms (id, user_id, name, description, system_prompt, model, created_at, updated_at,
                title_state)
            SELECT $1, users.id, $3, $4, $5, $7, $6, $6, CASE WHEN $8::boolean THEN 'wanted' END
            FROM users WHERE users.id = $2 AND users.deleted_at IS NULL
            RETURNING *
        ), counted AS (
            UPDATE users SET chatroom_count = chatroom_count + 1 FROM c WHERE users.id = c.user_id
        )
        SELECT {COLUMNS} FROM c"
    );
    let statement = db.prepare_cached(&sql).await?;
    let parameters: [&(dyn ToSql + Sync); 8] = [
        &chatroom.id.0,
        &owner.0,
        &chatroom.name.unwrap_or(title::PLACEHOLDER),
        &chatroom.description,
        &chatroom.system_prompt,
        &chatroom.created_at,
        &chatroom.model,
        &chatroom.name.is_none(),
    ];
    let row = db.query_opt(&statement, &parameters).await?;
    row.as_ref().map(TryInto::try_into).transpose()
}

/// Finds the chatroom `id` if it belongs to `owner`.
pub async fn find(
    db: &impl GenericClient,
    owner: UserId,
    id: ChatroomId,
) -> Result<Option<Chatroom>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM chatrooms c WHERE c.id = $1 AND c.user_id = $2");
    let statement = db.prepare_cached(&sql).await?;
    let row = db.query_opt(&statement, &[&id.0, &owner.0]).await?;
    row.as_ref().map(TryInto::try_into).transpose()
}

impl Chatroom {
    /// The position of this chatroom in the list of its owner's chatrooms.
    #[must_use]
    pub fn cursor(&self, sort: ChatroomSort) -> ChatroomCursor {
        match sort {
            ChatroomSort::Created => ChatroomCursor::Created(self.id),
            ChatroomSort::Activity => {
                ChatroomCursor::Activity { at: self.last_message_at.unwrap_or(self.created_at), id: self.id }
            }
        }
    }
}

/// Lists a page of the chatrooms of `owner`, newest first: at most `limit`, all older than
/// `before`. Empty once the deletion of the account has started, because the caller may cache the
/// result.
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

/// Lists a page of the chatrooms of `owner`, the one with the latest message first: at most `limit`, all
/// after the position `after`. Empty once the deletion of the account has started.
pub async fn list_by_activity(
    db: &impl GenericClient,
    owner: UserId,
    after: Option<(DateTime<Utc>, ChatroomId)>,
    limit: i64,
) -> Result<Vec<Chatroom>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM chatrooms c
        WHERE c.user_id = $1 AND (coalesce(c.last_message_at, c.created_at), c.id)
                < (coalesce($2, 'infinity'::timestamptz), coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
            AND EXISTS (SELECT FROM users WHERE id = $1 AND deleted_at IS NULL)
        ORDER BY coalesce(c.last_message_at, c.created_at) DESC, c.id DESC LIMIT $4"
    );
    let statement = db.prepare_cached(&sql).await?;
    let (at, id) = after.map(|(at, id)| (at, id.0)).unzip();
    let rows = db.query(&statement, &[&owner.0, &at, &id, &limit]).await?;
    rows.iter().map(TryInto::try_into).collect()
}

/// Lists the chatrooms of `owner` with their settings, oldest first: at most `limit`, all newer than
/// `after`. For the account export.
pub async fn list_details(
    db: &impl GenericClient,
    owner: UserId,
    after: Option<ChatroomId>,
    limit: i64,
) -> Result<Vec<ChatroomDetails>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, {SETTINGS} FROM chatrooms c
        WHERE c.user_id = $1 AND c.id > coalesce($2, '00000000-0000-0000-0000-000000000000'::uuid)
        ORDER BY c.id LIMIT $3"
    );
    let statement = db.prepare_cached(&sql).await?;
    let rows = db.query(&statement, &[&owner.0, &after.map(|id| id.0), &limit]).await?;
    rows.iter().map(TryInto::try_into).collect()
}

/// Finds the chatroom `id` if it belongs to `owner`, with a page of its active branch, newest first:
/// at most `limit` messages, all before the position `before`.
pub async fn find_with_messages(
    db: &impl GenericClient,
    owner: UserId,
    id: ChatroomId,
    before: Option<i64>,
    limit: i64,
) -> Result<Option<(ChatroomDetails, Vec<BranchMessage>)>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, {SETTINGS}, {columns}, {feedback_columns},
            CASE WHEN c.has_branches THEN ({siblings}) END AS siblings,
            CASE WHEN c.has_branches THEN ({answers}) END AS answers
        FROM chatrooms c
        LEFT JOIN LATERAL (
            SELECT * FROM messages
            WHERE messages.chatroom_id = c.id AND messages.on_active_branch
                AND messages.position < coalesce($3, 9223372036854775807)
            ORDER BY messages.position DESC LIMIT $4
        ) m ON true
        {generation}
        {feedback}
        WHERE c.id = $1 AND c.user_id = $2
        ORDER BY m.position DESC",
        columns = messages::COLUMNS,
        generation = messages::GENERATION,
        feedback_columns = feedback::COLUMNS,
        feedback = feedback::OF_MESSAGE,
        siblings = tree::siblings_of("m", "g"),
        answers = tree::answers_of("m"),
    );
    let statement = db.prepare_cached(&sql).await?;
    let rows = db.query(&statement, &[&id.0, &owner.0, &before, &limit]).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let mut messages = Vec::with_capacity(rows.len());
    for row in &rows {
        // A chatroom without messages is one row whose message columns are null.
        if row.try_get::<_, Option<i64>>("position")?.is_some() {
            messages.push(row.try_into()?);
        }
    }
    Ok(Some((first.try_into()?, messages)))
}

/// The fields of a chatroom to change. `None` keeps a field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChatroomChanges<'a> {
    /// The new name.
    pub name: Option<&'a str>,
    /// The new topic; the empty string removes it.
    pub description: Option<&'a str>,
    /// The new system prompt; the empty string removes it.
    pub system_prompt: Option<&'a str>,
    /// The new model; the empty string restores the default of the plan.
    pub model: Option<&'a str>,
}

/// Updates the chatroom `id` if it belongs to `owner`, and returns the updated chatroom. After a new name
/// it gets no title.
pub async fn update(
    db: &impl GenericClient,
    owner: UserId,
    id: ChatroomId,
    changes: ChatroomChanges<'_>,
    now: DateTime<Utc>,
) -> Result<Option<ChatroomDetails>, StoreError> {
    let sql = format!(
        "UPDATE chatrooms c SET name = coalesce($3, c.name),
            description = nullif(coalesce($4, c.description), ''),
            system_prompt = nullif(coalesce($5, c.system_prompt), ''),
            model = nullif(coalesce($7, c.model), ''), updated_at = $6,
            title_state = CASE WHEN $3::text IS NULL THEN c.title_state END,
            title_due_at = CASE WHEN $3::text IS NULL THEN c.title_due_at END
        WHERE c.id = $1 AND c.user_id = $2
        RETURNING {COLUMNS}, {SETTINGS}"
    );
    let ChatroomChanges { name, description, system_prompt, model } = changes;
    let statement = db.prepare_cached(&sql).await?;
    let row = db
        .query_opt(&statement, &[&id.0, &owner.0, &name, &description, &system_prompt, &now, &model])
        .await?;
    row.as_ref().map(TryInto::try_into).transpose()
}

/// Deletes the chatroom `id` and its messages if it belongs to `owner`, and refunds the quota units
/// of messages for which the model was never called. Returns whether there was such a chatroom.
pub async fn delete(db: &impl GenericClient, owner: UserId, id: ChatroomId) -> Result<bool, StoreError> {
    // The counts in the conditions force an order: generations, messages, refund, counters. All
    // statements take their locks in that order, so they cannot deadlock.
    const SQL: &str = "
        WITH chatroom AS (
            SELECT id FROM chatrooms WHERE id = $1 AND user_id = $2 FOR UPDATE
        ), gone AS (
            DELETE FROM generations g USING chatroom, messages m
            WHERE m.chatroom_id = chatroom.id AND g.question_id = m.id
            RETURNING g.user_id, g.quota_day, g.status, g.attempts
        ), emptied AS (
            DELETE FROM messages m USING chatroom
            WHERE m.chatroom_id = chatroom.id AND (SELECT count(*) FROM gone) >= 0
            RETURNING 1
        ), untouched AS (
            SELECT user_id, quota_day, count(*)::integer AS units FROM gone
            WHERE status = 'pending' AND attempts = 0 GROUP BY user_id, quota_day
        ), refundable AS (
            SELECT d.user_id, d.day, least(untouched.units, coalesce(d.refund_limit - d.refunds, untouched.units)) AS units
            FROM daily_usage d JOIN untouched ON d.user_id = untouched.user_id AND d.day = untouched.quota_day
            FOR UPDATE OF d
        ), refunded AS (
            UPDATE daily_usage d SET messages = greatest(d.messages - refundable.units, 0),
                refunds = d.refunds + refundable.units
            FROM refundable WHERE d.user_id = refundable.user_id AND d.day = refundable.day AND refundable.units > 0
            RETURNING 1
        ), deleted AS (
            DELETE FROM chatrooms c USING chatroom
            WHERE c.id = chatroom.id AND (SELECT count(*) FROM emptied) + (SELECT count(*) FROM refunded) >= 0
            RETURNING c.user_id, c.message_count, c.ai_response_count
        )
        UPDATE users u SET
            chatroom_count = u.chatroom_count - 1,
            message_count = u.message_count - (deleted.message_count - deleted.ai_response_count),
            ai_response_count = u.ai_response_count - deleted.ai_response_count
        FROM deleted WHERE u.id = deleted.user_id";
    let statement = db.prepare_cached(SQL).await?;
    Ok(db.execute(&statement, &[&id.0, &owner.0]).await? == 1)
}
