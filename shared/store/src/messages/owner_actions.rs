//! What the owner can do with the answer to a sent message: cancel it, or retry it after a failure.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::GenericClient;
use domain::plan::DailyLimits;
use domain::{ChatroomId, MessageId, Tier, UserId};

use crate::StoreError;
use crate::messages::{COLUMNS, Message};

/// Cancels an unfinished message of `owner`, and refunds its quota unit unless a call to the model
/// is under way. This also removes the lease, so a worker that processes the message can no longer
/// change it. Returns the cancelled message, or `None` if `owner` has no such unfinished message.
pub async fn cancel_message(
    db: &impl GenericClient,
    owner: UserId,
    message: MessageId,
    now: DateTime<Utc>,
) -> Result<Option<Message>, StoreError> {
    let sql = format!(
        "WITH unfinished AS (
            SELECT id, processing_status FROM messages
            WHERE id = $1 AND user_id = $2 AND message_type = 'user'
                AND processing_status IN ('pending', 'processing')
            FOR UPDATE
        ), cancelled AS (
            UPDATE messages m SET processing_status = 'cancelled', lease_owner = NULL, lease_until = NULL,
                sweep_at = NULL, updated_at = $3
            FROM unfinished WHERE m.id = unfinished.id
            RETURNING m.*
        ), refunded AS (
            UPDATE daily_usage d SET messages = greatest(d.messages - 1, 0), refunds = d.refunds + 1
            FROM cancelled JOIN unfinished ON unfinished.processing_status = 'pending'
            WHERE d.user_id = cancelled.user_id AND d.day = cancelled.quota_day
                AND d.refunds < coalesce(d.refund_limit, d.refunds + 1)
        )
        SELECT {COLUMNS} FROM cancelled m"
    );
    let statement = db.prepare_cached(&sql).await?;
    let row = db.query_opt(&statement, &[&message.0, &owner.0, &now]).await?;
    row.as_ref().map(TryInto::try_into).transpose()
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
    /// The owner has no such failed message; nothing has changed.
    NotFailed,
}

/// Makes a failed message of `owner` pending again if the quota of `day` allows it, and charges a
/// quota unit for it.
pub async fn retry_message(
    db: &impl GenericClient,
    owner: UserId,
    message: MessageId,
    day: NaiveDate,
    now: DateTime<Utc>,
    limits: DailyLimits,
) -> Result<RetryOutcome, StoreError> {
    let sql = format!(
        "WITH target AS (
            SELECT id, user_id FROM messages
            WHERE id = $1 AND user_id = $2 AND message_type = 'user' AND processing_status = 'failed' FOR UPDATE
        ), plan AS (
            SELECT u.id AS user_id, u.subscription_tier,
                CASE u.subscription_tier WHEN 'pro' THEN $6::integer ELSE $5::integer END AS daily_limit
            FROM users u JOIN target ON target.user_id = u.id WHERE u.deleted_at IS NULL
        ), quota AS (
            INSERT INTO daily_usage AS d (user_id, day, messages, refund_limit)
            SELECT user_id, $3, 1, daily_limit FROM plan WHERE daily_limit > 0
            ON CONFLICT (user_id, day) DO UPDATE SET messages = d.messages + 1, refund_limit = excluded.refund_limit
                WHERE d.messages < (SELECT daily_limit FROM plan)
            RETURNING d.messages
        ), retried AS (
            UPDATE messages m SET processing_status = 'pending', error_code = NULL, attempts = 0, quota_day = $3,
                waiting_since = NULL, dismissed_at = NULL, resends = m.resends + 1,
                resends_before = m.resends + 1, sweep_at = $4::timestamptz + interval '1 minute', updated_at = $4
            FROM target, quota WHERE m.id = target.id
            RETURNING m.*
        )
        SELECT {COLUMNS}, m.chatroom_id, m.resends, plan.subscription_tier,
            (SELECT messages FROM quota) AS used,
            (SELECT messages FROM daily_usage WHERE user_id = $2 AND day = $3) AS used_before
        FROM plan LEFT JOIN retried m ON true"
    );
    let statement = db.prepare_cached(&sql).await?;
    let row =
        db.query_opt(&statement, &[&message.0, &owner.0, &day, &now, &limits.basic, &limits.pro]).await?;
    let Some(row) = row else { return Ok(RetryOutcome::NotFailed) };
    let tier = row.try_get::<_, &str>("subscription_tier")?.try_into()?;
    let Some(used) = row.try_get("used")? else {
        let used = row.try_get::<_, Option<_>>("used_before")?.unwrap_or(0);
        return Ok(RetryOutcome::QuotaExhausted { used, tier });
    };
    Ok(RetryOutcome::Accepted {
        message: (&row).try_into()?,
        chatroom_id: ChatroomId(row.try_get("chatroom_id")?),
        resend: row.try_get("resends")?,
        used,
        tier,
    })
}
