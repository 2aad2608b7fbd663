//! How a worker processes a message: it claims the message under a lease, then completes,
//! reschedules or fails it.
//!
//! Every write after the claim requires the lease owner in its `WHERE`, so a worker that has lost
//! its lease changes nothing. Workers act for the service, so these functions see the messages of
//! all users.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::GenericClient;
use domain::history::{BLOCK, Exchange, MIN_EXCHANGES};
use domain::message::{ErrorCode, FinishReason, ProcessingStatus, WaitReason};
use domain::{ChatroomId, MessageId, Tier, UserId, search};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::StoreError;

/// The exclusive right to process a message until the lease expires.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    /// The message.
    pub message_id: MessageId,
    /// Random, new for each claim. Every later write requires it.
    pub owner: Uuid,
}

/// A claimed message, with all data that the prompt needs.
#[derive(Debug, Clone)]
pub struct ClaimedMessage {
    /// The message. It is not always the delivered one.
    pub message_id: MessageId,
    /// The owner of the message.
    pub user_id: UserId,
    /// The chatroom.
    pub chatroom_id: ChatroomId,
    /// The plan of the user, which decides on the model.
    pub tier: Tier,
    /// The text.
    pub content: String,
    /// The system prompt of the chatroom.
    pub system_prompt: Option<String>,
    /// The number of this attempt, from 1. Attempts that ended in a crash count.
    pub attempt: i32,
    /// Since when the message has waited for the rate limit or an outage of the model, if it has.
    pub waiting_since: Option<DateTime<Utc>>,
    /// The previous exchanges in the chatroom, newest first.
    pub history: Vec<Exchange>,
}

/// The result of a claim.
#[derive(Debug, Clone)]
pub enum Claim {
    /// The caller has the lease on the next message of the chatroom.
    Claimed(Box<ClaimedMessage>),
    /// Another worker has the lease on the next message, or the message waits for its next attempt.
    NotDue {
        /// When the lease or the wait ends.
        until: DateTime<Utc>,
    },
    /// The delivered message is in a final state.
    Finished,
    /// The message does not exist, because its chatroom was deleted.
    NotFound,
}

/// Claims the oldest unfinished message in the chatroom of `delivered`, up to and including
/// `delivered`, unless another worker has a lease on it. A message whose own delivery was lost is
/// therefore answered before later ones. Counts the attempt and reads the newest exchanges for the
/// prompt: from a multiple of [`BLOCK`] on, so that the first one stays the same for many messages,
/// and at least [`MIN_EXCHANGES`] of them if there are so many.
pub async fn claim_next_message(
    db: &impl GenericClient,
    delivered: MessageId,
    owner: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
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
                lease_owner = $2, lease_until = $3, sweep_at = $3::timestamptz + interval '1 minute',
                wait_reason = NULL, updated_at = $4
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
            ORDER BY asked.position DESC LIMIT $5 + c.ai_response_count % $6
        ) h ON true
        ORDER BY h.position DESC";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&delivered.0, &owner, &until, &now, &MIN_EXCHANGES, &BLOCK]).await?;
    match rows.first() {
        Some(first) => Ok(Claim::Claimed(Box::new(claimed_message(first, &rows)?))),
        None => find_claim_obstacle(db, delivered, now).await,
    }
}

fn claimed_message(first: &Row, rows: &[Row]) -> Result<ClaimedMessage, StoreError> {
    let mut history = Vec::with_capacity(rows.len());
    for row in rows {
        // A chatroom without history is one row whose history columns are null.
        if let Some(question) = row.try_get("question")? {
            history.push(Exchange { question, answer: row.try_get("answer")? });
        }
    }
    Ok(ClaimedMessage {
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

/// Finds out why there was nothing to claim.
async fn find_claim_obstacle(
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
    let Some(row) = db.query_opt(&statement, &[&delivered.0]).await? else { return Ok(Claim::NotFound) };
    let status: ProcessingStatus = row.try_get::<_, &str>("processing_status")?.try_into()?;
    if status.is_terminal() {
        return Ok(Claim::Finished);
    }
    Ok(Claim::NotDue { until: row.try_get::<_, Option<_>>("lease_until")?.unwrap_or(now) })
}

/// An answer to insert.
#[derive(Debug, Clone, Copy)]
pub struct NewReply<'a> {
    /// The id.
    pub id: MessageId,
    /// The text.
    pub content: &'a str,
    /// The model that wrote it.
    pub model: &'a str,
    /// Why the model stopped writing.
    pub finish_reason: FinishReason,
    /// Tokens sent to the model.
    pub prompt_tokens: i32,
    /// Tokens that the model wrote, its thoughts included.
    pub response_tokens: i32,
    /// The day to whose usage the tokens count.
    pub day: NaiveDate,
    /// The current time.
    pub created_at: DateTime<Utc>,
}

/// Inserts the answer, marks the message completed and counts the usage in one statement, if the
/// caller still owns the lease. Returns whether it did. The answer's creation time is never earlier
/// than that of the previous message, although the clocks of functions differ.
///
/// # Errors
/// [`StoreError::Conflict`] on `messages_reply_to_key` if the message already has an answer.
pub async fn complete_message(
    db: &impl GenericClient,
    lease: Lease,
    reply: NewReply<'_>,
) -> Result<bool, StoreError> {
    const SQL: &str = "
        WITH chatroom AS (
            SELECT c.id, c.user_id, c.last_position, greatest($9, c.last_message_at) AS now
            FROM chatrooms c JOIN messages m ON m.chatroom_id = c.id
            WHERE m.id = $1 FOR NO KEY UPDATE OF c
        ), done AS (
            UPDATE messages m SET processing_status = 'completed', error_code = NULL, lease_owner = NULL,
                lease_until = NULL, sweep_at = NULL, updated_at = $9
            FROM chatroom
            WHERE m.id = $1 AND m.lease_owner = $2 AND m.processing_status = 'processing'
            RETURNING m.id
        ), reply AS (
            INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status,
                reply_to, model, prompt_tokens, response_tokens, finish_reason, search_tokens, created_at, updated_at)
            SELECT $3, chatroom.id, chatroom.user_id, chatroom.last_position + 1, 'ai', $4, 'completed', done.id, $5, $6, $7, $10,
                $11, chatroom.now, $9
            FROM chatroom, done
            RETURNING chatroom_id, user_id, created_at
        ), used AS (
            INSERT INTO daily_usage AS d (user_id, day, prompt_tokens, response_tokens)
            SELECT user_id, $8, $6, $7 FROM reply
            ON CONFLICT (user_id, day) DO UPDATE SET prompt_tokens = d.prompt_tokens + excluded.prompt_tokens,
                response_tokens = d.response_tokens + excluded.response_tokens
            RETURNING d.user_id
        ), counted_in_chatroom AS (
            UPDATE chatrooms c SET last_position = c.last_position + 1, message_count = c.message_count + 1,
                ai_response_count = c.ai_response_count + 1, last_message_at = reply.created_at
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
                &reply.finish_reason.as_str(),
                &search::tokens(reply.content),
            ],
        )
        .await?;
    Ok(row.is_some())
}

/// Makes the message pending again and claimable from `not_before` on, if the caller still owns the
/// lease. Returns whether it did.
///
/// [`WaitReason::Retry`] follows a failed attempt: the attempt counts and ends a previous wait for
/// the model. After the other reasons the attempt does not count, because the model refused or was
/// not called, and `waiting_since` is set unless the message was already waiting.
pub async fn reschedule_message(
    db: &impl GenericClient,
    lease: Lease,
    reason: WaitReason,
    not_before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    const SQL: &str = "
        UPDATE messages SET processing_status = 'pending', lease_owner = NULL, lease_until = $3,
            sweep_at = $3::timestamptz + interval '1 minute', wait_reason = $6, updated_at = $4,
            attempts = CASE WHEN $5 THEN attempts - 1 ELSE attempts END,
            waiting_since = CASE WHEN $5 THEN coalesce(waiting_since, $4) END
        WHERE id = $1 AND lease_owner = $2 AND processing_status = 'processing'";
    let is_waiting = reason != WaitReason::Retry;
    let statement = db.prepare_cached(SQL).await?;
    let updated = db
        .execute(
            &statement,
            &[&lease.message_id.0, &lease.owner, &not_before, &now, &is_waiting, &reason.as_str()],
        )
        .await?;
    Ok(updated == 1)
}

/// Marks the message failed with `code` and refunds its quota unit, unless the user
/// [caused the failure](ErrorCode::is_caused_by_user), if the caller still owns the lease. Returns
/// whether it did.
pub async fn fail_message(
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
            UPDATE daily_usage d SET messages = greatest(d.messages - 1, 0), refunds = d.refunds + 1
            FROM failed WHERE d.user_id = failed.user_id AND d.day = failed.quota_day AND NOT $5
                AND d.refunds < coalesce(d.refund_limit, d.refunds + 1)
        )
        SELECT user_id FROM failed";
    let statement = db.prepare_cached(SQL).await?;
    let is_charged = code.is_caused_by_user();
    let parameters: [&(dyn ToSql + Sync); 5] =
        [&lease.message_id.0, &lease.owner, &code.as_str(), &now, &is_charged];
    Ok(db.query_opt(&statement, &parameters).await?.is_some())
}

/// Adds the tokens of calls whose answer is not stored to the usage of `user`. With `reply`, the
/// answer that lost its lease, it does so only if that answer is not stored after all: the result
/// of an earlier write may have been lost, and it counted the tokens.
pub async fn count_tokens(
    db: &impl GenericClient,
    user: UserId,
    day: NaiveDate,
    (prompt_tokens, response_tokens): (i32, i32),
    reply: Option<MessageId>,
) -> Result<(), StoreError> {
    const SQL: &str = "
        WITH used AS (
            INSERT INTO daily_usage AS d (user_id, day, prompt_tokens, response_tokens)
            SELECT id, $2, $3::int, $4::int FROM users
            WHERE id = $1 AND NOT EXISTS (SELECT FROM messages WHERE id = $5)
            ON CONFLICT (user_id, day) DO UPDATE SET prompt_tokens = d.prompt_tokens + excluded.prompt_tokens,
                response_tokens = d.response_tokens + excluded.response_tokens
            RETURNING d.user_id
        )
        UPDATE users u SET prompt_tokens = u.prompt_tokens + $3::int,
            response_tokens = u.response_tokens + $4::int
        FROM used WHERE u.id = used.user_id";
    let statement = db.prepare_cached(SQL).await?;
    let reply = reply.map(|reply| reply.0);
    db.execute(&statement, &[&user.0, &day, &prompt_tokens, &response_tokens, &reply]).await?;
    Ok(())
}
