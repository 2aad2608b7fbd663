//! Accepting a message: it is the person's room, there is quota left, the row is written. One statement.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::GenericClient;
use domain::plan::DailyLimits;
use domain::{ChatroomId, MessageId, Tier, UserId};

use crate::StoreError;

/// A message about to be sent.
#[derive(Debug, Clone, Copy)]
pub struct NewMessage<'a> {
    /// Its id.
    pub id: MessageId,
    /// The room it goes to.
    pub chatroom_id: ChatroomId,
    /// The text.
    pub content: &'a str,
    /// The day whose quota it is counted in.
    pub day: NaiveDate,
    /// Now.
    pub created_at: DateTime<Utc>,
}

/// What became of a message that a person sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It is stored as `pending`, and that many of the day's messages are used now.
    Accepted {
        /// Messages of the day used, this one included.
        used: i32,
        /// The plan it was counted on.
        tier: Tier,
    },
    /// The day's messages were used up already; nothing is stored.
    QuotaExhausted {
        /// Messages of the day used; more than the limit after a downgrade.
        used: i32,
        /// The plan whose limit was reached.
        tier: Tier,
    },
    /// The person has no such room; nothing is stored.
    NoSuchRoom,
}

/// Stores `message` as one of `sender`, provided that the room is the sender's and the day's quota is not used up.
/// However many send at once, exactly as many are accepted as the plan allows: the count is taken under its row's lock.
///
/// # Errors
/// When Postgres does not answer.
pub async fn insert(
    db: &impl GenericClient,
    sender: UserId,
    message: NewMessage<'_>,
    limits: DailyLimits,
) -> Result<Sent, StoreError> {
    const SQL: &str = "
        WITH room AS (
            SELECT id, user_id, last_position FROM chatrooms WHERE id = $1 AND user_id = $2 FOR NO KEY UPDATE
        ), plan AS (
            SELECT u.id AS user_id, u.subscription_tier,
                CASE u.subscription_tier WHEN 'pro' THEN $8::integer ELSE $7::integer END AS daily_limit
            FROM users u JOIN room ON room.user_id = u.id WHERE u.deleted_at IS NULL
        ), quota AS (
            INSERT INTO daily_usage AS d (user_id, day, messages)
            SELECT user_id, $3, 1 FROM plan WHERE daily_limit > 0
            ON CONFLICT (user_id, day) DO UPDATE SET messages = d.messages + 1
                WHERE d.messages < (SELECT daily_limit FROM plan)
            RETURNING d.messages
        ), stored AS (
            INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status,
                quota_day, sweep_at, created_at, updated_at)
            SELECT $4, room.id, room.user_id, room.last_position + 1, 'user', $5, 'pending', $3,
                $6::timestamptz + interval '1 minute', $6, $6
            FROM room, quota
            RETURNING chatroom_id, user_id
        ), counted_in_room AS (
            UPDATE chatrooms c SET last_position = c.last_position + 1, message_count = c.message_count + 1,
                last_message_at = $6
            FROM stored WHERE c.id = stored.chatroom_id
            RETURNING c.user_id
        ), counted_for_user AS (
            UPDATE users u SET message_count = u.message_count + 1
            FROM counted_in_room WHERE u.id = counted_in_room.user_id
        )
        SELECT plan.subscription_tier, (SELECT messages FROM quota) AS used,
            (SELECT messages FROM daily_usage WHERE user_id = $2 AND day = $3) AS used_before
        FROM plan";
    let statement = db.prepare_cached(SQL).await?;
    let row = db
        .query_opt(
            &statement,
            &[
                &message.chatroom_id.0,
                &sender.0,
                &message.day,
                &message.id.0,
                &message.content,
                &message.created_at,
                &limits.basic,
                &limits.pro,
            ],
        )
        .await?;
    let Some(row) = row else { return Ok(Sent::NoSuchRoom) };
    let tier = row.try_get::<_, &str>("subscription_tier")?.try_into()?;
    Ok(match row.try_get("used")? {
        Some(used) => Sent::Accepted { used, tier },
        None => Sent::QuotaExhausted { used: row.try_get::<_, Option<_>>("used_before")?.unwrap_or(0), tier },
    })
}
