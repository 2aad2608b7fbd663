//! Requests another answer to a question, beside those that it has.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::GenericClient;
use domain::plan::DailyLimits;
use domain::spending::CapScope;
use domain::{ChatroomId, GenerationId, MessageId, RequestOrigin, Tier, UserId};
use tokio_postgres::types::ToSql;

use crate::StoreError;
use crate::generations::{backfill, origin};
use crate::messages::branches::{Node, activate, lock_message, mark_branches};
use crate::messages::{self, Message};
use crate::spending::{reached_cap, reached_cap_of};

/// A generation to insert.
#[derive(Debug, Clone, Copy)]
pub struct NewGeneration<'a> {
    /// The id.
    pub id: GenerationId,
    /// The model that the user asks for.
    pub model: Option<&'a str>,
    /// The day to whose quota it counts.
    pub day: NaiveDate,
    /// The current time.
    pub created_at: DateTime<Utc>,
    /// The request that asks for it.
    pub origin: Option<&'a RequestOrigin>,
}

/// The result of requesting another answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegenerateOutcome {
    /// The generation is stored as `pending`.
    Accepted {
        /// The question.
        question: Box<Message>,
        /// Its chatroom.
        chatroom_id: ChatroomId,
        /// Messages used on that day, this one included.
        used: i32,
        /// The plan whose limit applied.
        tier: Tier,
    },
    /// The daily quota is exhausted; nothing is stored.
    QuotaExhausted {
        /// Messages used on that day. After a downgrade this may exceed the limit.
        used: i32,
        /// The plan whose limit applied.
        tier: Tier,
    },
    /// A spending cap of the day is reached; nothing is stored.
    SpendCapReached(CapScope),
    /// The latest generation of the question is unfinished; nothing is stored.
    Unfinished,
    /// The owner has no such message.
    NotFound,
}

/// Requests another answer to a question of `owner`, named by itself or by an answer, and makes its
/// branch active. Charges a quota unit.
pub async fn regenerate(
    db: &mut impl GenericClient,
    owner: UserId,
    message: MessageId,
    generation: NewGeneration<'_>,
    limits: DailyLimits,
) -> Result<RegenerateOutcome, StoreError> {
    let transaction = db.transaction().await?;
    let Some(node) = lock_message(&transaction, owner, message).await? else {
        return Ok(RegenerateOutcome::NotFound);
    };
    backfill::add_generation(&transaction, owner, node.question_id).await?;
    let outcome = insert_generation(&transaction, owner, node, generation, limits).await?;
    if let Inserted::Accepted { used, tier } = outcome {
        mark_branches(&transaction, node.chatroom_id).await?;
        activate(&transaction, node.chatroom_id, node.question_id, generation.id).await?;
        let question = messages::find(&transaction, owner, node.question_id).await?;
        transaction.commit().await?;
        let Some(question) = question else { return Ok(RegenerateOutcome::NotFound) };
        let (question, chatroom_id) = (Box::new(question), node.chatroom_id);
        return Ok(RegenerateOutcome::Accepted { question, chatroom_id, used, tier });
    }
    Ok(match outcome {
        Inserted::QuotaExhausted { used, tier } => RegenerateOutcome::QuotaExhausted { used, tier },
        Inserted::SpendCapReached(scope) => RegenerateOutcome::SpendCapReached(scope),
        Inserted::Unfinished => RegenerateOutcome::Unfinished,
        Inserted::Accepted { .. } | Inserted::NoAccount => RegenerateOutcome::NotFound,
    })
}

enum Inserted {
    Accepted { used: i32, tier: Tier },
    QuotaExhausted { used: i32, tier: Tier },
    SpendCapReached(CapScope),
    Unfinished,
    NoAccount,
}

/// Inserts a generation whose fence continues that of the latest one: the ids of the events of a
/// question's stream grow over all of its generations.
async fn insert_generation(
    db: &impl GenericClient,
    owner: UserId,
    node: Node,
    generation: NewGeneration<'_>,
    limits: DailyLimits,
) -> Result<Inserted, StoreError> {
    let sql = format!(
        "WITH latest AS (
            SELECT number, fence, sweep_at IS NOT NULL AS is_unfinished FROM generations WHERE question_id = $3
            ORDER BY number DESC LIMIT 1
        ), plan AS (
            SELECT id AS user_id, subscription_tier,
                CASE subscription_tier WHEN 'pro' THEN $7::integer ELSE $6::integer END AS daily_limit
            FROM users WHERE id = $1 AND deleted_at IS NULL AND suspended_at IS NULL
        ), spending AS (
            SELECT {reached_cap} AS reached_cap
        ), quota AS (
            INSERT INTO daily_usage AS d (user_id, day, messages, refund_limit)
            SELECT user_id, $4, 1, daily_limit FROM plan, latest, spending
            WHERE daily_limit > 0 AND NOT latest.is_unfinished AND spending.reached_cap IS NULL
            ON CONFLICT (user_id, day) DO UPDATE SET messages = d.messages + 1, refund_limit = excluded.refund_limit
                WHERE d.messages < (SELECT daily_limit FROM plan)
            RETURNING d.messages
        ), placed AS (
            UPDATE chatrooms c SET last_position = c.last_position + 1 FROM quota WHERE c.id = $8
            RETURNING c.id, c.last_position
        ), stored AS (
            INSERT INTO generations (id, question_id, number, chatroom_id, user_id, position, requested_model, status,
                fence, quota_day, sweep_at, created_at, updated_at, traceparent, request_id)
            SELECT $2, $3, latest.number + 1, placed.id, $1, placed.last_position, $9, 'pending', latest.fence + 1, $4,
                $5::timestamptz + interval '1 minute', $5, $5, $12, $13
            FROM latest, placed
        )
        SELECT plan.subscription_tier, latest.is_unfinished, spending.reached_cap, (SELECT messages FROM quota) AS used,
            (SELECT messages FROM daily_usage WHERE user_id = $1 AND day = $4) AS used_before
        FROM plan, latest, spending",
        reached_cap = reached_cap("$1", "$4", "$10", "$11"),
    );
    let (traceparent, request_id) = origin::parameters(generation.origin);
    let statement = db.prepare_cached(&sql).await?;
    let parameters: [&(dyn ToSql + Sync); 13] = [
        &owner.0,
        &generation.id.0,
        &node.question_id.0,
        &generation.day,
        &generation.created_at,
        &limits.basic,
        &limits.pro,
        &node.chatroom_id.0,
        &generation.model,
        &limits.spending.user,
        &limits.spending.service,
        &traceparent,
        &request_id,
    ];
    let Some(row) = db.query_opt(&statement, &parameters).await? else { return Ok(Inserted::NoAccount) };
    if row.try_get("is_unfinished")? {
        return Ok(Inserted::Unfinished);
    }
    if let Some(scope) = reached_cap_of(&row)? {
        return Ok(Inserted::SpendCapReached(scope));
    }
    let tier = row.try_get::<_, &str>("subscription_tier")?.try_into()?;
    Ok(match row.try_get("used")? {
        Some(used) => Inserted::Accepted { used, tier },
        None => {
            Inserted::QuotaExhausted { used: row.try_get::<_, Option<_>>("used_before")?.unwrap_or(0), tier }
        }
    })
}
