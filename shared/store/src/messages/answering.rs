//! Answering a message: the claim under a lease, and the three ways it ends. Every write but the claim is conditional
//! on the lease's owner, so that a worker that was overtaken changes nothing.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::GenericClient;
use domain::history::Exchange;
use domain::message::{ErrorCode, ProcessingStatus};
use domain::{ChatroomId, MessageId, Tier, UserId};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::StoreError;

/// The right to answer a message until it runs out.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    /// The message.
    pub message_id: MessageId,
    /// Who holds it: one delivery to one worker.
    pub owner: Uuid,
}

/// What it takes to answer a message.
#[derive(Debug, Clone)]
pub struct Work {
    /// The message; not always the one that was delivered.
    pub message_id: MessageId,
    /// Who asked.
    pub user_id: UserId,
    /// Where.
    pub chatroom_id: ChatroomId,
    /// The plan of the person, which decides on the model.
    pub tier: Tier,
    /// What is asked.
    pub content: String,
    /// What the room's owner wants the model told before anything else.
    pub system_prompt: Option<String>,
    /// The number of this attempt, from 1; attempts that ended in a crash count.
    pub attempt: i32,
    /// Since when it has waited for its turn at the model, if it had to.
    pub waiting_since: Option<DateTime<Utc>>,
    /// What was said before in this room, the newest first.
    pub history: Vec<Exchange>,
}

/// What a claim came to.
#[derive(Debug, Clone)]
pub enum Claim {
    /// The room's next message is ours; here is the work.
    Taken(Box<Work>),
    /// Another holds the room's next message, or it waits for its next attempt.
    Held {
        /// Until when.
        until: DateTime<Utc>,
    },
    /// There is nothing left to do.
    Finished,
    /// There is no such message: its room was deleted.
    Missing,
}

/// Takes the lease on the next message to be answered in the room of the one `delivered`, up to that one: the oldest that
/// is unfinished, unless somebody else holds it. So a message whose own delivery was lost is answered before those
/// that came after it. Counts the attempt and brings what the prompt needs, with at most `history_limit` exchanges.
///
/// # Errors
/// When Postgres does not answer.
pub async fn claim(
    db: &impl GenericClient,
    delivered: MessageId,
    owner: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    history_limit: i64,
) -> Result<Claim, StoreError> {
    const SQL: &str = "
        WITH next AS (
            SELECT m.id
            FROM messages d, LATERAL (
                SELECT id FROM messages
                WHERE chatroom_id = d.chatroom_id AND position <= d.position AND sweep_at IS NOT NULL
                ORDER BY position LIMIT 1
            ) m
            WHERE d.id = $1 AND d.processing_status IN ('pending', 'processing')
        ), claimed AS (
            UPDATE messages m SET processing_status = 'processing', attempts = m.attempts + 1,
                lease_owner = $2, lease_until = $3, sweep_at = $3::timestamptz + interval '1 minute', updated_at = $4
            FROM next
            WHERE m.id = next.id AND m.processing_status IN ('pending', 'processing')
                AND (m.lease_until IS NULL OR m.lease_until <= $4)
            RETURNING m.id, m.user_id, m.chatroom_id, m.position, m.content, m.attempts, m.waiting_since
        )
        SELECT m.id, m.user_id, m.chatroom_id, m.content, m.attempts, m.waiting_since,
            c.system_prompt, u.subscription_tier, h.question, h.answer
        FROM claimed m
        JOIN chatrooms c ON c.id = m.chatroom_id
        JOIN users u ON u.id = m.user_id
        LEFT JOIN LATERAL (
            SELECT asked.position, asked.content AS question, answered.content AS answer
            FROM messages asked JOIN messages answered ON answered.reply_to = asked.id
            WHERE asked.chatroom_id = m.chatroom_id AND asked.position < m.position
                AND asked.message_type = 'user' AND asked.processing_status = 'completed'
            ORDER BY asked.position DESC LIMIT $5
        ) h ON true
        ORDER BY h.position DESC";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&delivered.0, &owner, &until, &now, &history_limit]).await?;
    match rows.first() {
        Some(first) => Ok(Claim::Taken(Box::new(work(first, &rows)?))),
        None => why_not_claimed(db, delivered, now).await,
    }
}

fn work(first: &Row, rows: &[Row]) -> Result<Work, StoreError> {
    let mut history = Vec::with_capacity(rows.len());
    for row in rows {
        // A room without history comes as one row with none.
        if let Some(question) = row.try_get("question")? {
            history.push(Exchange { question, answer: row.try_get("answer")? });
        }
    }
    Ok(Work {
        message_id: MessageId(first.try_get("id")?),
        user_id: UserId(first.try_get("user_id")?),
        chatroom_id: ChatroomId(first.try_get("chatroom_id")?),
        tier: first.try_get::<_, &str>("subscription_tier")?.try_into()?,
        content: first.try_get("content")?,
        system_prompt: first.try_get("system_prompt")?,
        attempt: first.try_get("attempts")?,
        waiting_since: first.try_get("waiting_since")?,
        history,
    })
}

async fn why_not_claimed(
    db: &impl GenericClient,
    delivered: MessageId,
    now: DateTime<Utc>,
) -> Result<Claim, StoreError> {
    const SQL: &str = "
        SELECT d.processing_status, m.lease_until
        FROM messages d LEFT JOIN LATERAL (
            SELECT lease_until FROM messages
            WHERE chatroom_id = d.chatroom_id AND position <= d.position AND sweep_at IS NOT NULL
            ORDER BY position LIMIT 1
        ) m ON true
        WHERE d.id = $1";
    let statement = db.prepare_cached(SQL).await?;
    let Some(row) = db.query_opt(&statement, &[&delivered.0]).await? else { return Ok(Claim::Missing) };
    let status: ProcessingStatus = row.try_get::<_, &str>("processing_status")?.try_into()?;
    if status.is_terminal() {
        return Ok(Claim::Finished);
    }
    Ok(Claim::Held { until: row.try_get::<_, Option<_>>("lease_until")?.unwrap_or(now) })
}

/// An answer about to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewReply<'a> {
    /// Its id.
    pub id: MessageId,
    /// The text.
    pub content: &'a str,
    /// The model that wrote it.
    pub model: &'a str,
    /// Tokens the model was given.
    pub prompt_tokens: i32,
    /// Tokens the model wrote, its thoughts included.
    pub response_tokens: i32,
    /// The day whose usage the tokens are counted in.
    pub day: NaiveDate,
    /// Now.
    pub created_at: DateTime<Utc>,
}

/// Stores the answer, completes the message and counts the usage, all or nothing, provided the lease is still ours.
/// Answers whether it was.
///
/// # Errors
/// [`StoreError::Conflict`] on `messages_reply_to_key` when there is an answer already.
pub async fn complete(
    db: &impl GenericClient,
    lease: Lease,
    reply: NewReply<'_>,
) -> Result<bool, StoreError> {
    const SQL: &str = "
        WITH room AS (
            SELECT c.id, c.user_id, c.last_position
            FROM chatrooms c JOIN messages m ON m.chatroom_id = c.id
            WHERE m.id = $1 FOR NO KEY UPDATE OF c
        ), done AS (
            UPDATE messages m SET processing_status = 'completed', error_code = NULL, lease_owner = NULL,
                lease_until = NULL, sweep_at = NULL, updated_at = $9
            FROM room
            WHERE m.id = $1 AND m.lease_owner = $2 AND m.processing_status = 'processing'
            RETURNING m.id
        ), reply AS (
            INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status,
                reply_to, model, prompt_tokens, response_tokens, created_at, updated_at)
            SELECT $3, room.id, room.user_id, room.last_position + 1, 'ai', $4, 'completed', done.id, $5, $6, $7, $9, $9
            FROM room, done
            RETURNING chatroom_id, user_id
        ), used AS (
            INSERT INTO daily_usage AS d (user_id, day, prompt_tokens, response_tokens)
            SELECT user_id, $8, $6, $7 FROM reply
            ON CONFLICT (user_id, day) DO UPDATE SET prompt_tokens = d.prompt_tokens + excluded.prompt_tokens,
                response_tokens = d.response_tokens + excluded.response_tokens
            RETURNING d.user_id
        ), counted_in_room AS (
            UPDATE chatrooms c SET last_position = c.last_position + 1, message_count = c.message_count + 1,
                ai_response_count = c.ai_response_count + 1, last_message_at = $9
            FROM reply WHERE c.id = reply.chatroom_id
        ), counted_for_user AS (
            UPDATE users u SET ai_response_count = u.ai_response_count + 1,
                prompt_tokens = u.prompt_tokens + $6, response_tokens = u.response_tokens + $7
            FROM used WHERE u.id = used.user_id
        )
        SELECT id FROM done";
    let statement = db.prepare_cached(SQL).await?;
    let row = db
        .query_opt(
            &statement,
            &[
                &lease.message_id.0,
                &lease.owner,
                &reply.id.0,
                &reply.content,
                &reply.model,
                &reply.prompt_tokens,
                &reply.response_tokens,
                &reply.day,
                &reply.created_at,
            ],
        )
        .await?;
    Ok(row.is_some())
}

/// Why a message is put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutBack {
    /// An attempt was made and failed; it counts, and whatever the message waited for before it is over.
    Failed,
    /// None was made: it waits for its turn at the model, and has done so since now unless it waited before.
    Waiting,
}

/// Puts the message back, not to be taken up before `not_before`, provided the lease is still ours. Answers whether it
/// was.
///
/// # Errors
/// When Postgres does not answer.
pub async fn put_back(
    db: &impl GenericClient,
    lease: Lease,
    why: PutBack,
    not_before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    const SQL: &str = "
        UPDATE messages SET processing_status = 'pending', lease_owner = NULL, lease_until = $3,
            sweep_at = $3::timestamptz + interval '1 minute', updated_at = $4,
            attempts = CASE WHEN $5 THEN attempts - 1 ELSE attempts END,
            waiting_since = CASE WHEN $5 THEN coalesce(waiting_since, $4) END
        WHERE id = $1 AND lease_owner = $2 AND processing_status = 'processing'";
    let is_waiting = why == PutBack::Waiting;
    let statement = db.prepare_cached(SQL).await?;
    let put_back =
        db.execute(&statement, &[&lease.message_id.0, &lease.owner, &not_before, &now, &is_waiting]).await?;
    Ok(put_back == 1)
}

/// Gives the message up for the reason `code` and gives its unit of quota back, provided the lease is still ours.
/// Answers whether it was.
///
/// # Errors
/// When Postgres does not answer.
pub async fn fail(
    db: &impl GenericClient,
    lease: Lease,
    code: ErrorCode,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    const SQL: &str = "
        WITH failed AS (
            UPDATE messages SET processing_status = 'failed', error_code = $3, lease_owner = NULL, lease_until = NULL,
                sweep_at = NULL, updated_at = $4
            WHERE id = $1 AND lease_owner = $2 AND processing_status = 'processing'
            RETURNING user_id, quota_day
        ), refunded AS (
            UPDATE daily_usage d SET messages = greatest(d.messages - 1, 0)
            FROM failed WHERE d.user_id = failed.user_id AND d.day = failed.quota_day
        )
        SELECT user_id FROM failed";
    let statement = db.prepare_cached(SQL).await?;
    Ok(db.query_opt(&statement, &[&lease.message_id.0, &lease.owner, &code.as_str(), &now]).await?.is_some())
}
