//! How a worker processes a generation that it has [claimed](super::claiming): it renews the lease while
//! Gemini writes, then completes, reschedules or fails the generation.
//!
//! Every write after the claim requires the lease owner in its `WHERE`, so a worker that has lost
//! its lease changes nothing. Workers act for the service, so these functions see the generations
//! of all users.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::GenericClient;
use domain::message::{ErrorCode, FinishReason, ProcessingStatus, WaitReason};
use domain::spending::Cost;
use domain::{GenerationId, MessageId, UserId, search, title};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::StoreError;
use crate::spending::{USAGE_COLUMNS, USAGE_SUMS, settle_service, settled};

/// The exclusive right to process a generation until the lease expires.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    /// The generation.
    pub generation_id: GenerationId,
    /// Random, new for each claim. Every later write requires it.
    pub owner: Uuid,
}

/// The result of renewing a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The caller still owns it.
    Renewed {
        /// Whether the owner of the message asked to stop.
        is_cancel_requested: bool,
    },
    /// The lease is lost.
    Lost,
}

/// Extends the lease to `until`, if the caller still owns it.
pub async fn renew_lease(
    db: &impl GenericClient,
    lease: Lease,
    until: DateTime<Utc>,
) -> Result<Renewal, StoreError> {
    const SQL: &str = "
        UPDATE generations SET lease_until = $3, sweep_at = $3::timestamptz + interval '1 minute'
        WHERE id = $1 AND lease_owner = $2 AND status = 'processing'
        RETURNING cancel_requested_at IS NOT NULL AS is_cancel_requested";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_opt(&statement, &[&lease.generation_id.0, &lease.owner, &until]).await?;
    Ok(match row {
        Some(row) => Renewal::Renewed { is_cancel_requested: row.try_get("is_cancel_requested")? },
        None => Renewal::Lost,
    })
}

/// Tokens of the calls for a generation, and their cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Tokens sent to the model.
    pub prompt: i32,
    /// Tokens sent to the model that Google read from its cache.
    pub cached: i32,
    /// Tokens that the model wrote, its thoughts included.
    pub response: i32,
    /// Tokens of its thoughts.
    pub thoughts: i32,
    /// What the calls cost.
    pub cost: Cost,
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
    /// The tokens of all calls for it.
    pub tokens: Tokens,
    /// The day to whose usage the tokens count.
    pub day: NaiveDate,
    /// The current time.
    pub created_at: DateTime<Utc>,
    /// The name of the chatroom until its title is made, if it wants one.
    pub first_words: Option<&'a str>,
}

/// Assignments to the chatroom `c` in [`complete`]. A chatroom that the previous release has renamed
/// gets no title. The answer's worker has a minute to claim it before the sweeper sends its job.
const MAKE_TITLE_DUE: &str = "
    name = CASE WHEN ends_wish AND is_unnamed THEN $16 ELSE c.name END,
    updated_at = CASE WHEN ends_wish AND is_unnamed THEN $9 ELSE c.updated_at END,
    title_state = CASE WHEN NOT ends_wish THEN c.title_state WHEN is_unnamed THEN 'due' END,
    title_generation_id = CASE WHEN ends_wish THEN $1 ELSE c.title_generation_id END,
    title_due_at = CASE WHEN NOT ends_wish THEN c.title_due_at
        WHEN is_unnamed THEN $9::timestamptz + interval '1 minute' END";

/// Inserts the answer, marks the generation completed, counts the usage and settles the reservation of
/// the lease, in one statement, if the caller still owns the lease. If the chatroom wants a title, it
/// becomes due. Returns the final status, or `None` if the lease is lost. The answer's creation time is
/// never earlier than that of the previous message, although the clocks of functions differ. The answer
/// is on the active branch if its message is and still shows this generation.
///
/// If the owner asked to stop, the generation is cancelled and so is the answer, even a whole one:
/// the owner may have learned that it is.
///
/// # Errors
/// [`StoreError::Conflict`] on `messages_generation_id_key` if the generation already has an answer.
pub async fn complete(
    db: &impl GenericClient,
    lease: Lease,
    reply: NewReply<'_>,
) -> Result<Option<ProcessingStatus>, StoreError> {
    // Locks the chatroom, the generation and the question in this order, as all statements do.
    let sql = format!(
        "WITH chatroom AS (
            SELECT c.id, c.user_id, c.last_position, greatest($9, c.last_message_at) AS now,
                $16::text IS NOT NULL AND c.title_state IS NOT DISTINCT FROM 'wanted' AS ends_wish, c.name = $17 AS is_unnamed
            FROM chatrooms c JOIN generations g ON g.chatroom_id = c.id
            WHERE g.id = $1 FOR NO KEY UPDATE OF c
        ), done AS (
            UPDATE generations g SET error_code = NULL, model = $5,
                status = CASE WHEN g.cancel_requested_at IS NULL THEN 'completed' ELSE 'cancelled' END,
                finish_reason = CASE WHEN g.cancel_requested_at IS NULL THEN $10 ELSE 'cancelled' END,
                lease_owner = NULL, lease_until = NULL, lease_slot = NULL, sweep_at = NULL,
                prompt_tokens = g.prompt_tokens + $6, response_tokens = g.response_tokens + $7,
                cached_tokens = g.cached_tokens + $12, thought_tokens = g.thought_tokens + $13,
                cost_micro_usd = g.cost_micro_usd + $14, updated_at = $9
            FROM chatroom
            WHERE g.id = $1 AND g.lease_owner = $2 AND g.status = 'processing'
            RETURNING g.id, g.question_id, g.number, g.status, g.finish_reason
        ), question AS (
            SELECT m.id, m.on_active_branch AND coalesce(m.active_generation_id, m.id) = done.id AS is_shown
            FROM messages m JOIN done ON m.id = done.question_id FOR NO KEY UPDATE OF m
        ), reply AS (
            INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status,
                generation_id, reply_to, on_active_branch, model, prompt_tokens, response_tokens, finish_reason,
                search_tokens, created_at, updated_at)
            SELECT $3, chatroom.id, chatroom.user_id, chatroom.last_position + 1, 'ai', $4, 'completed', done.id,
                CASE WHEN done.number = 1 THEN done.question_id END, question.is_shown, $5, $6, $7,
                done.finish_reason, $11, chatroom.now, $9
            FROM chatroom, done, question
            RETURNING chatroom_id, user_id, created_at
        ), {settled}, used AS (
            INSERT INTO daily_usage AS d (user_id, day, {USAGE_COLUMNS})
            SELECT user_id, $8, $6, $7, $12, $13, settled.cost, $15 FROM reply, settled
            ON CONFLICT (user_id, day) DO UPDATE SET {USAGE_SUMS}
            RETURNING d.user_id
        ), counted_in_chatroom AS (
            UPDATE chatrooms c SET last_position = c.last_position + 1, message_count = c.message_count + 1,
                ai_response_count = c.ai_response_count + 1, last_message_at = reply.created_at, {title}
            FROM reply JOIN chatroom ON chatroom.id = reply.chatroom_id WHERE c.id = reply.chatroom_id
        ), counted_for_user AS (
            UPDATE users u SET ai_response_count = u.ai_response_count + 1,
                prompt_tokens = u.prompt_tokens + $6, response_tokens = u.response_tokens + $7
            FROM used WHERE u.id = used.user_id
            RETURNING u.id
        ), service AS ({service})
        SELECT status FROM done",
        settled = settled("question", "$2", "$14"),
        service = settle_service("$8", "counted_for_user"),
        title = MAKE_TITLE_DUE,
    );
    let statement = db.prepare_cached(&sql).await?;
    let parameters: [&(dyn ToSql + Sync); 17] = [
        &lease.generation_id.0,
        &lease.owner,
        &reply.id.0,
        &reply.content,
        &reply.model,
        &reply.tokens.prompt,
        &reply.tokens.response,
        &reply.day,
        &reply.created_at,
        &reply.finish_reason.as_str(),
        &search::tokens(reply.content),
        &reply.tokens.cached,
        &reply.tokens.thoughts,
        &reply.tokens.cost.micro_usd,
        &i32::from(reply.tokens.cost.is_unpriced),
        &reply.first_words,
        &title::PLACEHOLDER,
    ];
    let Some(row) = db.query_opt(&statement, &parameters).await? else { return Ok(None) };
    Ok(Some(row.try_get::<_, &str>("status")?.try_into()?))
}

/// Makes the generation pending again and claimable from `not_before` on, if the caller still owns
/// the lease and its owner has not asked to stop. Returns whether it did.
///
/// [`WaitReason::Retry`] follows a failed attempt: the attempt counts and ends a previous wait for
/// the model. After the other reasons the attempt does not count, because the model refused or was
/// not called, and `waiting_since` is set unless the generation was already waiting. It keeps its
/// place among [`MAX_IN_FLIGHT`](domain::model_quota::MAX_IN_FLIGHT), so that one user's messages cannot fill the line at the model that
/// all users share.
pub async fn reschedule(
    db: &impl GenericClient,
    lease: Lease,
    reason: WaitReason,
    not_before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    const SQL: &str = "
        UPDATE generations SET status = 'pending', lease_owner = NULL, lease_until = $3,
            lease_slot = CASE WHEN $5 THEN lease_slot END,
            sweep_at = $3::timestamptz + interval '1 minute', wait_reason = $6, updated_at = $4,
            attempts = CASE WHEN $5 THEN attempts - 1 ELSE attempts END,
            waiting_since = CASE WHEN $5 THEN coalesce(waiting_since, $4) END
        WHERE id = $1 AND lease_owner = $2 AND status = 'processing' AND cancel_requested_at IS NULL";
    let is_waiting = reason != WaitReason::Retry;
    let statement = db.prepare_cached(SQL).await?;
    let parameters: [&(dyn ToSql + Sync); 6] =
        [&lease.generation_id.0, &lease.owner, &not_before, &now, &is_waiting, &reason.as_str()];
    Ok(db.execute(&statement, &parameters).await? == 1)
}

/// Marks the generation failed with `code` and refunds its quota unit, unless the user
/// [caused the failure](ErrorCode::is_caused_by_user), if the caller still owns the lease and its
/// owner has not asked to stop. Returns whether it did.
pub async fn fail(
    db: &impl GenericClient,
    lease: Lease,
    code: ErrorCode,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    const SQL: &str = "
        WITH failed AS (
            UPDATE generations SET status = 'failed', error_code = $3, lease_owner = NULL, lease_until = NULL,
                lease_slot = NULL, sweep_at = NULL, updated_at = $4
            WHERE id = $1 AND lease_owner = $2 AND status = 'processing' AND cancel_requested_at IS NULL
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
        [&lease.generation_id.0, &lease.owner, &code.as_str(), &now, &is_charged];
    Ok(db.query_opt(&statement, &parameters).await?.is_some())
}

/// Adds the tokens of calls whose answer is not stored to the generation and to the usage of `user`, and
/// settles the reservation of the lease. With `reply`, the answer that lost its lease, it does so only if
/// that answer is not stored after all: the result of an earlier write may have been lost, and it counted
/// the tokens.
pub async fn count_tokens(
    db: &impl GenericClient,
    lease: Lease,
    user: UserId,
    day: NaiveDate,
    tokens: Tokens,
    reply: Option<MessageId>,
) -> Result<(), StoreError> {
    // The counts in the conditions force an order: the generation is locked before the reservation and
    // the day's usage.
    let sql = format!(
        "WITH counted AS (
            UPDATE generations SET prompt_tokens = prompt_tokens + $3::int,
                response_tokens = response_tokens + $4::int, cached_tokens = cached_tokens + $7::int,
                thought_tokens = thought_tokens + $8::int, cost_micro_usd = cost_micro_usd + $10::bigint
            WHERE id = $6 AND NOT EXISTS (SELECT FROM messages WHERE id = $5)
            RETURNING 1
        ), call AS (
            SELECT 1 WHERE NOT EXISTS (SELECT FROM messages WHERE id = $5) AND (SELECT count(*) FROM counted) >= 0
        ), {settled}, used AS (
            INSERT INTO daily_usage AS d (user_id, day, {USAGE_COLUMNS})
            SELECT users.id, $2, $3::int, $4::int, $7::int, $8::int, settled.cost, $11 FROM users, call, settled
            WHERE users.id = $1
            ON CONFLICT (user_id, day) DO UPDATE SET {USAGE_SUMS}
            RETURNING d.user_id
        ), counted_for_user AS (
            UPDATE users u SET prompt_tokens = u.prompt_tokens + $3::int,
                response_tokens = u.response_tokens + $4::int
            FROM used WHERE u.id = used.user_id
            RETURNING u.id
        )
        {service}",
        settled = settled("call", "$9", "$10"),
        service = settle_service("$2", "counted_for_user"),
    );
    let statement = db.prepare_cached(&sql).await?;
    let reply = reply.map(|reply| reply.0);
    let parameters: [&(dyn ToSql + Sync); 11] = [
        &user.0,
        &day,
        &tokens.prompt,
        &tokens.response,
        &reply,
        &lease.generation_id.0,
        &tokens.cached,
        &tokens.thoughts,
        &lease.owner,
        &tokens.cost.micro_usd,
        &i32::from(tokens.cost.is_unpriced),
    ];
    db.execute(&statement, &parameters).await?;
    Ok(())
}
