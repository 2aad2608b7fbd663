//! What the owner of a message can do with its answer: cancel it, or retry it after a failure.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::GenericClient;
use domain::plan::DailyLimits;
use domain::spending::CapScope;
use domain::{ChatroomId, GenerationId, MessageId, RequestOrigin, Tier, UserId};
use tokio_postgres::types::ToSql;

use crate::StoreError;
use crate::generations::{IS_REFUNDABLE, origin};
use crate::messages::{COLUMNS, Message};
use crate::spending::{reached_cap, reached_cap_of};

/// A message whose generation was cancelled, or will be by the worker that holds its lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// The message: `cancelled`, or `processing` until the worker has stopped.
    pub message: Message,
    /// The generation.
    pub generation_id: GenerationId,
    /// The fence of the worker that must stop.
    pub fence: u64,
}

/// Cancels the unfinished generation that the message of `owner` shows. A pending one is cancelled at
/// once and its quota unit refunded, unless an attempt got an answer without text: the model has worked
/// for it. One whose worker has died is cancelled without a refund, because the worker may have called
/// the model. Of another, the request to cancel is stored, and the worker that holds the lease stops: no
/// write of a worker ignores the request. Returns `None` if `owner` has no such message with an
/// unfinished generation.
pub async fn cancel(
    db: &impl GenericClient,
    owner: UserId,
    message: MessageId,
    now: DateTime<Utc>,
) -> Result<Option<Cancellation>, StoreError> {
    let sql = format!(
        "WITH unfinished AS (
            SELECT g.id, {IS_REFUNDABLE} AS is_refundable,
                g.status = 'processing' AND g.lease_owner IS NOT NULL AND g.lease_until > $3 AS is_leased
            FROM generations g JOIN messages m ON g.id = coalesce(m.active_generation_id, m.id)
            WHERE m.id = $1 AND m.user_id = $2 AND m.message_type = 'user' AND g.status IN ('pending', 'processing')
            FOR UPDATE OF g
        ), requested AS (
            UPDATE generations g SET cancel_requested_at = coalesce(g.cancel_requested_at, $3), updated_at = $3,
                status = CASE WHEN is_leased THEN g.status ELSE 'cancelled' END,
                lease_owner = CASE WHEN is_leased THEN g.lease_owner END,
                lease_until = CASE WHEN is_leased THEN g.lease_until END,
                lease_slot = CASE WHEN is_leased THEN g.lease_slot END,
                sweep_at = CASE WHEN is_leased THEN g.sweep_at END
            FROM unfinished WHERE g.id = unfinished.id
            RETURNING g.*
        ), refunded AS (
            UPDATE daily_usage d SET messages = greatest(d.messages - 1, 0), refunds = d.refunds + 1
            FROM requested JOIN unfinished ON unfinished.is_refundable
            WHERE d.user_id = requested.user_id AND d.day = requested.quota_day
                AND d.refunds < coalesce(d.refund_limit, d.refunds + 1)
        )
        SELECT {COLUMNS}, g.id AS generation_id, g.fence FROM requested g JOIN messages m ON m.id = g.question_id"
    );
    let statement = db.prepare_cached(&sql).await?;
    let Some(row) = db.query_opt(&statement, &[&message.0, &owner.0, &now]).await? else { return Ok(None) };
    Ok(Some(Cancellation {
        message: (&row).try_into()?,
        generation_id: GenerationId(row.try_get("generation_id")?),
        fence: row.try_get::<_, i64>("fence")?.unsigned_abs(),
    }))
}

/// The result of retrying a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryOutcome {
    /// The message is `pending` again and its attempts count from zero.
    Accepted {
        /// The message.
        message: Message,
        /// Its chatroom.
        chatroom_id: ChatroomId,
        /// The generation to send to the queue.
        generation_id: GenerationId,
        /// The number of this resend.
        resend: i32,
        /// Messages used on that day, this one included.
        used: i32,
        /// The plan whose limit applied.
        tier: Tier,
    },
    /// The daily quota is exhausted; nothing has changed.
    QuotaExhausted {
        /// Messages used on that day. After a downgrade this may exceed the limit.
        used: i32,
        /// The plan whose limit applied.
        tier: Tier,
    },
    /// A spending cap of the day is reached; nothing has changed.
    SpendCapReached(CapScope),
    /// The owner has no such failed message; nothing has changed.
    NotFailed,
}

/// Makes the failed generation that the message of `owner` shows pending again if the quota of `day`
/// allows it, and charges a quota unit for it. Its answer belongs to the request `origin` from now on.
pub async fn retry(
    db: &impl GenericClient,
    owner: UserId,
    message: MessageId,
    day: NaiveDate,
    now: DateTime<Utc>,
    limits: DailyLimits,
    origin: Option<&RequestOrigin>,
) -> Result<RetryOutcome, StoreError> {
    let sql = format!(
        "WITH target AS (
            SELECT g.id, g.user_id FROM generations g JOIN messages m ON g.id = coalesce(m.active_generation_id, m.id)
            WHERE m.id = $1 AND m.user_id = $2 AND m.message_type = 'user' AND g.status = 'failed' FOR UPDATE OF g
        ), plan AS (
            SELECT u.id AS user_id, u.subscription_tier,
                CASE u.subscription_tier WHEN 'pro' THEN $6::integer ELSE $5::integer END AS daily_limit
            FROM users u JOIN target ON target.user_id = u.id WHERE u.deleted_at IS NULL AND u.suspended_at IS NULL
        ), spending AS (
            SELECT {reached_cap} AS reached_cap
        ), quota AS (
            INSERT INTO daily_usage AS d (user_id, day, messages, refund_limit)
            SELECT user_id, $3, 1, daily_limit FROM plan, spending
            WHERE daily_limit > 0 AND spending.reached_cap IS NULL
            ON CONFLICT (user_id, day) DO UPDATE SET messages = d.messages + 1, refund_limit = excluded.refund_limit
                WHERE d.messages < (SELECT daily_limit FROM plan)
            RETURNING d.messages
        ), retried AS (
            UPDATE generations g SET status = 'pending', error_code = NULL, attempts = 0, quota_day = $3,
                waiting_since = NULL, dismissed_at = NULL, resends = g.resends + 1,
                resends_before = g.resends + 1, sweep_at = $4::timestamptz + interval '1 minute', updated_at = $4,
                traceparent = $9, request_id = $10
            FROM target, quota WHERE g.id = target.id
            RETURNING g.*
        )
        SELECT {COLUMNS}, m.chatroom_id, g.id AS generation_id, g.resends, plan.subscription_tier, spending.reached_cap,
            (SELECT messages FROM quota) AS used,
            (SELECT messages FROM daily_usage WHERE user_id = $2 AND day = $3) AS used_before
        FROM plan CROSS JOIN spending LEFT JOIN retried g ON true LEFT JOIN messages m ON m.id = g.question_id",
        reached_cap = reached_cap("$2", "$3", "$7", "$8"),
    );
    let statement = db.prepare_cached(&sql).await?;
    let DailyLimits { basic, pro, spending } = limits;
    let (traceparent, request_id) = origin::parameters(origin);
    let parameters: [&(dyn ToSql + Sync); 10] = [
        &message.0,
        &owner.0,
        &day,
        &now,
        &basic,
        &pro,
        &spending.user,
        &spending.service,
        &traceparent,
        &request_id,
    ];
    let row = db.query_opt(&statement, &parameters).await?;
    let Some(row) = row else { return Ok(RetryOutcome::NotFailed) };
    if let Some(scope) = reached_cap_of(&row)? {
        return Ok(RetryOutcome::SpendCapReached(scope));
    }
    let tier = row.try_get::<_, &str>("subscription_tier")?.try_into()?;
    let Some(used) = row.try_get("used")? else {
        let used = row.try_get::<_, Option<_>>("used_before")?.unwrap_or(0);
        return Ok(RetryOutcome::QuotaExhausted { used, tier });
    };
    Ok(RetryOutcome::Accepted {
        message: (&row).try_into()?,
        chatroom_id: ChatroomId(row.try_get("chatroom_id")?),
        generation_id: GenerationId(row.try_get("generation_id")?),
        resend: row.try_get("resends")?,
        used,
        tier,
    })
}
