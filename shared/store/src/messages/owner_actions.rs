//! What the person who sent a message can still do about its answer: stop it, or ask for it again.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::GenericClient;
use domain::plan::DailyLimits;
use domain::{ChatroomId, MessageId, Tier, UserId};

use crate::StoreError;
use crate::messages::Message;

/// Stops `owner`'s message and gives its unit of quota back; a worker that holds it will find its lease gone. Answers the
/// message as it is then; `None` when it is finished already, or is not there.
///
/// # Errors
/// When Postgres does not answer.
pub async fn cancel(
    db: &impl GenericClient,
    owner: UserId,
    message: MessageId,
    now: DateTime<Utc>,
) -> Result<Option<Message>, StoreError> {
    const SQL: &str = "
        WITH cancelled AS (
            UPDATE messages SET processing_status = 'cancelled', lease_owner = NULL, lease_until = NULL,
                sweep_at = NULL, updated_at = $3
            WHERE id = $1 AND user_id = $2 AND message_type = 'user'
                AND processing_status IN ('pending', 'processing')
            RETURNING *
        ), refunded AS (
            UPDATE daily_usage d SET messages = greatest(d.messages - 1, 0)
            FROM cancelled WHERE d.user_id = cancelled.user_id AND d.day = cancelled.quota_day
        )
        SELECT id, content, message_type, processing_status, position, created_at FROM cancelled";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_opt(&statement, &[&message.0, &owner.0, &now]).await?;
    row.map(|row| Message::read(&row, "id", "created_at")).transpose()
}

/// What became of the wish to have a message answered again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revived {
    /// It is `pending` again, its attempts count from zero, and that many of the day's messages are used now.
    Accepted {
        /// The message.
        message: Message,
        /// Its room.
        chatroom_id: ChatroomId,
        /// The number of this re-send.
        resend: i32,
        /// Messages of the day used, this one included.
        used: i32,
        /// The plan it was counted on.
        tier: Tier,
    },
    /// The day's messages are used up; nothing is changed.
    QuotaExhausted {
        /// Messages of the day used; more than the limit after a downgrade.
        used: i32,
        /// The plan whose limit was reached.
        tier: Tier,
    },
    /// The person has no such message that failed; nothing is changed.
    NotFailed,
}

/// Has `owner`'s failed message answered again, provided `day`'s quota is not used up: its unit was given back when it
/// failed, so it is taken again.
///
/// # Errors
/// When Postgres does not answer.
pub async fn revive(
    db: &impl GenericClient,
    owner: UserId,
    message: MessageId,
    day: NaiveDate,
    now: DateTime<Utc>,
    limits: DailyLimits,
) -> Result<Revived, StoreError> {
    const SQL: &str = "
        WITH target AS (
            SELECT id, user_id FROM messages
            WHERE id = $1 AND user_id = $2 AND message_type = 'user' AND processing_status = 'failed' FOR UPDATE
        ), plan AS (
            SELECT u.id AS user_id, u.subscription_tier,
                CASE u.subscription_tier WHEN 'pro' THEN $6::integer ELSE $5::integer END AS daily_limit
            FROM users u JOIN target ON target.user_id = u.id WHERE u.deleted_at IS NULL
        ), quota AS (
            INSERT INTO daily_usage AS d (user_id, day, messages)
            SELECT user_id, $3, 1 FROM plan WHERE daily_limit > 0
            ON CONFLICT (user_id, day) DO UPDATE SET messages = d.messages + 1
                WHERE d.messages < (SELECT daily_limit FROM plan)
            RETURNING d.messages
        ), revived AS (
            UPDATE messages m SET processing_status = 'pending', error_code = NULL, attempts = 0, quota_day = $3,
                waiting_since = NULL, dismissed_at = NULL, resends = m.resends + 1,
                resends_before = m.resends + 1, sweep_at = $4::timestamptz + interval '1 minute', updated_at = $4
            FROM target, quota WHERE m.id = target.id
            RETURNING m.*
        )
        SELECT plan.subscription_tier, (SELECT messages FROM quota) AS used, m.id, m.content, m.message_type,
            m.processing_status, m.position, m.created_at, m.chatroom_id, m.resends,
            (SELECT messages FROM daily_usage WHERE user_id = $2 AND day = $3) AS used_before
        FROM plan LEFT JOIN revived m ON true";
    let statement = db.prepare_cached(SQL).await?;
    let row =
        db.query_opt(&statement, &[&message.0, &owner.0, &day, &now, &limits.basic, &limits.pro]).await?;
    let Some(row) = row else { return Ok(Revived::NotFailed) };
    let tier = row.try_get::<_, &str>("subscription_tier")?.try_into()?;
    let Some(used) = row.try_get("used")? else {
        let used = row.try_get::<_, Option<_>>("used_before")?.unwrap_or(0);
        return Ok(Revived::QuotaExhausted { used, tier });
    };
    Ok(Revived::Accepted {
        message: Message::read(&row, "id", "created_at")?,
        chatroom_id: ChatroomId(row.try_get("chatroom_id")?),
        resend: row.try_get("resends")?,
        used,
        tier,
    })
}
