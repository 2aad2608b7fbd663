//! How a worker claims a generation: under a lease, with all data that the prompt needs.
//!
//! Workers act for the service, so these functions see the generations of all users.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::history::{BLOCK, Exchange, MIN_EXCHANGES};
use domain::message::ProcessingStatus;
use domain::model_quota::MAX_IN_FLIGHT;
use domain::{ChatroomId, GenerationId, MessageId, RequestOrigin, Tier, UserId};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::StoreError;
use crate::generations::origin;
use crate::messages::tree;

/// A claimed generation, with all data that the prompt needs.
#[derive(Debug, Clone)]
pub struct ClaimedGeneration {
    /// The generation. It is not always the delivered one.
    pub generation_id: GenerationId,
    /// The message to answer.
    pub question_id: MessageId,
    /// The owner of the message.
    pub user_id: UserId,
    /// The chatroom.
    pub chatroom_id: ChatroomId,
    /// The plan of the user, which decides on the model.
    pub tier: Tier,
    /// The text of the message.
    pub content: String,
    /// The system prompt of the chatroom.
    pub system_prompt: Option<String>,
    /// The models that the user asks for, the most wanted first: for this answer, for the chatroom.
    pub wanted_models: Vec<String>,
    /// The number of this attempt, from 1. Attempts that ended in a crash count.
    pub attempt: i32,
    /// Larger than that of every claim before it.
    pub fence: u64,
    /// Whether the owner asked a worker that has died since to stop. The caller must conclude the
    /// cancellation.
    pub is_cancel_requested: bool,
    /// When it was accepted, or retried by its owner. After more than one attempt at a retried one, when
    /// it was accepted.
    pub accepted_at: DateTime<Utc>,
    /// Since when it has waited for the rate limit or an outage of the model, if it has.
    pub waiting_since: Option<DateTime<Utc>>,
    /// Whether the chatroom wants a title, which its first answer makes due.
    pub wants_title: bool,
    /// The request that asked for it, unless an earlier release has accepted that.
    pub origin: Option<RequestOrigin>,
    /// The previous exchanges on the branch of the message, newest first.
    pub history: Vec<Exchange>,
}

/// The result of a claim.
#[derive(Debug, Clone)]
pub enum Claim {
    /// The caller has the lease on the next generation of the chatroom.
    Claimed(Box<ClaimedGeneration>),
    /// Another worker has the lease on the next generation, or it waits for its next attempt.
    NotDue {
        /// When the lease or the wait ends.
        until: DateTime<Utc>,
    },
    /// [`MAX_IN_FLIGHT`] generations of the user are being processed or wait for the model.
    TooManyInFlight,
    /// The account is suspended or deleted: its generations are to be cancelled.
    AccountClosed {
        /// The owner of the message.
        user_id: UserId,
    },
    /// The delivered generation is in a final state.
    Finished {
        /// Whether the title is due that its answer gets. The sweeper sends its job again for it.
        is_title_due: bool,
    },
    /// The generation does not exist, because its message or chatroom was deleted.
    NotFound,
}

/// Claims the oldest unfinished generation in the chatroom of `delivered`, up to and including
/// `delivered`, unless another worker has a lease on it. One whose own delivery was lost is
/// therefore answered before later ones. Counts the attempt and reads the newest exchanges for the
/// prompt: from a multiple of [`BLOCK`] on, so that the first one stays the same for many messages,
/// and at least [`MIN_EXCHANGES`] of them if there are so many.
///
/// The history follows the branch of the message, past questions without an answer, and looks at
/// twice [`MIN_EXCHANGES`] questions at most.
pub async fn claim_next(
    db: &impl GenericClient,
    delivered: GenerationId,
    owner: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Claim, StoreError> {
    for _ in 0..MAX_IN_FLIGHT {
        match claim_with_free_slot(db, delivered, owner, now, until).await {
            // A concurrent claim has taken the slot; another may be free.
            Err(error) if error.violates("generations_lease_slot_key") => {}
            claim => return claim,
        }
    }
    Ok(Claim::TooManyInFlight)
}

/// # Errors
/// [`StoreError::Conflict`] on `generations_lease_slot_key` if a concurrent claim takes the same slot.
async fn claim_with_free_slot(
    db: &impl GenericClient,
    delivered: GenerationId,
    owner: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Claim, StoreError> {
    let sql = format!(
        "WITH RECURSIVE next AS (
            SELECT g.id, g.user_id, g.lease_slot, g.accepted_at
            FROM generations d, LATERAL (
                SELECT id, user_id, lease_slot,
                    CASE WHEN attempts = 0 AND waiting_since IS NULL THEN updated_at ELSE created_at END AS accepted_at
                FROM generations
                WHERE chatroom_id = d.chatroom_id AND position <= d.position AND sweep_at IS NOT NULL
                ORDER BY position LIMIT 1
            ) g
            WHERE d.id = $1 AND d.status IN ('pending', 'processing')
        ), slot AS (
            SELECT coalesce(next.lease_slot, (
                SELECT min(free.number)::smallint FROM generate_series(1, $7::smallint) free (number)
                WHERE NOT EXISTS (SELECT FROM generations o WHERE o.user_id = next.user_id AND o.lease_slot = free.number)
            )) AS number
            FROM next
        ), claimed AS (
            UPDATE generations g SET status = 'processing', attempts = g.attempts + 1, fence = g.fence + 1,
                lease_owner = $2, lease_until = $3, lease_slot = slot.number,
                sweep_at = $3::timestamptz + interval '1 minute', wait_reason = NULL, updated_at = $4,
                cancel_requested_at = CASE WHEN g.status = 'processing' THEN g.cancel_requested_at END
            FROM next, slot
            WHERE g.id = next.id AND slot.number IS NOT NULL AND g.status IN ('pending', 'processing')
                AND (g.lease_until IS NULL OR g.lease_until <= $4)
                AND NOT EXISTS (SELECT FROM users u WHERE u.id = g.user_id
                    AND (u.suspended_at IS NOT NULL OR u.deleted_at IS NOT NULL))
            RETURNING g.id, g.question_id, g.user_id, g.chatroom_id, g.attempts, g.fence, g.waiting_since,
                g.cancel_requested_at, g.requested_model, g.traceparent, g.request_id, next.accepted_at
        ), question AS (
            SELECT m.id, m.chatroom_id, m.position, m.parent_generation_id, m.content
            FROM messages m JOIN claimed ON m.id = claimed.question_id
        ), line AS (
            SELECT 0 AS depth, q.chatroom_id, q.position, q.parent_generation_id, NULL::uuid AS generation_id, q.content
            FROM question q
            UNION ALL
            SELECT line.depth + 1, p.chatroom_id, p.position, p.parent_generation_id,
                coalesce(line.parent_generation_id, p.id), p.content
            FROM line JOIN messages p ON p.id = {parent} WHERE line.depth < 2 * $5::bigint
        )
        SELECT g.id, g.question_id, g.user_id, g.chatroom_id, question.content, g.attempts, g.fence, g.waiting_since, g.accepted_at,
            g.cancel_requested_at IS NOT NULL AS is_cancel_requested, c.system_prompt, u.subscription_tier,
            g.requested_model, g.traceparent, g.request_id, c.model AS chatroom_model, c.title_state = 'wanted' AS wants_title, h.question, h.answer
        FROM claimed g
        JOIN question ON question.id = g.question_id
        JOIN chatrooms c ON c.id = g.chatroom_id
        JOIN users u ON u.id = g.user_id
        LEFT JOIN LATERAL (
            SELECT line.depth, line.content AS question, answer.content AS answer
            FROM line CROSS JOIN LATERAL ({answer}) answer
            WHERE line.depth > 0
            ORDER BY line.depth LIMIT $5 + c.ai_response_count % $6
        ) h ON true
        ORDER BY h.depth",
        parent = tree::parent_of("line"),
        answer = tree::answer_of("line.generation_id"),
    );
    let statement = db.prepare_cached(&sql).await?;
    let parameters: [&(dyn ToSql + Sync); 7] =
        [&delivered.0, &owner, &until, &now, &MIN_EXCHANGES, &BLOCK, &MAX_IN_FLIGHT];
    let rows = db.query(&statement, &parameters).await?;
    match rows.first() {
        Some(first) => Ok(Claim::Claimed(Box::new(claimed_generation(first, &rows)?))),
        None => find_claim_obstacle(db, delivered, now).await,
    }
}

fn claimed_generation(first: &Row, rows: &[Row]) -> Result<ClaimedGeneration, StoreError> {
    let mut history = Vec::with_capacity(rows.len());
    for row in rows {
        // A message without history is one row whose history columns are null.
        if let Some(question) = row.try_get("question")? {
            history.push(Exchange { question, answer: row.try_get("answer")? });
        }
    }
    let models: [Option<String>; 2] = [first.try_get("requested_model")?, first.try_get("chatroom_model")?];
    Ok(ClaimedGeneration {
        generation_id: GenerationId(first.try_get("id")?),
        question_id: MessageId(first.try_get("question_id")?),
        user_id: UserId(first.try_get("user_id")?),
        chatroom_id: ChatroomId(first.try_get("chatroom_id")?),
        tier: first.try_get::<_, &str>("subscription_tier")?.try_into()?,
        content: first.try_get("content")?,
        system_prompt: first.try_get("system_prompt")?,
        wanted_models: models.into_iter().flatten().collect(),
        attempt: first.try_get("attempts")?,
        fence: first.try_get::<_, i64>("fence")?.unsigned_abs(),
        is_cancel_requested: first.try_get("is_cancel_requested")?,
        accepted_at: first.try_get("accepted_at")?,
        waiting_since: first.try_get("waiting_since")?,
        wants_title: first.try_get::<_, Option<bool>>("wants_title")?.unwrap_or_default(),
        origin: origin::read(first)?,
        history,
    })
}

/// Finds out why there was nothing to claim.
async fn find_claim_obstacle(
    db: &impl GenericClient,
    delivered: GenerationId,
    now: DateTime<Utc>,
) -> Result<Claim, StoreError> {
    const SQL: &str = "
        SELECT d.status, d.user_id, g.lease_until,
            u.suspended_at IS NOT NULL OR u.deleted_at IS NOT NULL AS is_closed,
            coalesce(c.title_state = 'due' AND c.title_generation_id = d.id, false) AS is_title_due
        FROM generations d JOIN users u ON u.id = d.user_id JOIN chatrooms c ON c.id = d.chatroom_id
        LEFT JOIN LATERAL (
            SELECT lease_until FROM generations
            WHERE chatroom_id = d.chatroom_id AND position <= d.position AND sweep_at IS NOT NULL
            ORDER BY position LIMIT 1
        ) g ON true
        WHERE d.id = $1";
    let statement = db.prepare_cached(SQL).await?;
    let Some(row) = db.query_opt(&statement, &[&delivered.0]).await? else { return Ok(Claim::NotFound) };
    let status: ProcessingStatus = row.try_get::<_, &str>("status")?.try_into()?;
    if status.is_terminal() {
        return Ok(Claim::Finished { is_title_due: row.try_get("is_title_due")? });
    }
    if row.try_get("is_closed")? {
        return Ok(Claim::AccountClosed { user_id: UserId(row.try_get("user_id")?) });
    }
    Ok(match row.try_get::<_, Option<DateTime<Utc>>>("lease_until")? {
        Some(until) if until > now => Claim::NotDue { until },
        _ => Claim::TooManyInFlight,
    })
}
