//! Accepts a message: checks the owner of the chatroom, charges the quota and inserts the row, in
//! one statement.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::GenericClient;
use domain::plan::DailyLimits;
use domain::{ChatroomId, MessageId, Tier, UserId, search};

use crate::StoreError;

/// A message to insert.
#[derive(Debug, Clone, Copy)]
pub struct NewMessage<'a> {
    /// The id.
    pub id: MessageId,
    /// The chatroom.
    pub chatroom_id: ChatroomId,
    /// The text.
    pub content: &'a str,
    /// The day to whose quota it counts.
    pub day: NaiveDate,
    /// The current time.
    pub created_at: DateTime<Utc>,
}

/// The result of sending a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendOutcome {
    /// The message is stored as `pending`.
    Accepted {
        /// Messages used on that day, this one included.
        used: i32,
        /// The plan whose limit applied.
        tier: Tier,
        /// When the message was stored. Later than the caller's time if the previous message of
        /// the chatroom is: the clocks of functions differ.
        created_at: DateTime<Utc>,
    },
    /// The daily quota is exhausted; nothing is stored.
    QuotaExhausted {
        /// Messages used on that day. After a downgrade this may exceed the limit.
        used: i32,
        /// The plan whose limit applied.
        tier: Tier,
    },
    /// The sender has no such chatroom; nothing is stored.
    ChatroomNotFound,
}

/// Inserts `message` of `sender` if the sender owns the chatroom and has quota left. The lock on
/// the row in `daily_usage` serialises concurrent calls, so exactly as many messages are accepted
/// as the plan allows.
pub async fn insert_message(
    db: &impl GenericClient,
    sender: UserId,
    message: NewMessage<'_>,
    limits: DailyLimits,
) -> Result<SendOutcome, StoreError> {
    const SQL: &str = "
        WITH chatroom AS (
            SELECT id, user_id, last_position, greatest($6, last_message_at) AS now FROM chatrooms WHERE id = $1 AND user_id = $2 FOR NO KEY UPDATE
        ), plan AS (
            SELECT u.id AS user_id, u.subscription_tier,
                CASE u.subscription_tier WHEN 'pro' THEN $8::integer ELSE $7::integer END AS daily_limit
            FROM users u JOIN chatroom ON chatroom.user_id = u.id WHERE u.deleted_at IS NULL
        ), quota AS (
            INSERT INTO daily_usage AS d (user_id, day, messages, refund_limit)
            SELECT user_id, $3, 1, daily_limit FROM plan WHERE daily_limit > 0
            ON CONFLICT (user_id, day) DO UPDATE SET messages = d.messages + 1, refund_limit = excluded.refund_limit
                WHERE d.messages < (SELECT daily_limit FROM plan)
            RETURNING d.messages
        ), stored AS (
            INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status,
                quota_day, sweep_at, search_tokens, created_at, updated_at)
            SELECT $4, chatroom.id, chatroom.user_id, chatroom.last_position + 1, 'user', $5, 'pending', $3,
                $6::timestamptz + interval '1 minute', $9, chatroom.now, $6
            FROM chatroom, quota
            RETURNING chatroom_id, user_id, created_at
        ), counted_in_chatroom AS (
            UPDATE chatrooms c SET last_position = c.last_position + 1, message_count = c.message_count + 1,
                last_message_at = stored.created_at
            FROM stored WHERE c.id = stored.chatroom_id
            RETURNING c.user_id
        ), counted_for_user AS (
            UPDATE users u SET message_count = u.message_count + 1
            FROM counted_in_chatroom WHERE u.id = counted_in_chatroom.user_id
        )
        SELECT plan.subscription_tier, (SELECT messages FROM quota) AS used,
            (SELECT created_at FROM stored) AS created_at,
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
                &search::tokens(message.content),
            ],
        )
        .await?;
    let Some(row) = row else { return Ok(SendOutcome::ChatroomNotFound) };
    let tier = row.try_get::<_, &str>("subscription_tier")?.try_into()?;
    Ok(match row.try_get("used")? {
        Some(used) => SendOutcome::Accepted { used, tier, created_at: row.try_get("created_at")? },
        None => SendOutcome::QuotaExhausted {
            used: row.try_get::<_, Option<_>>("used_before")?.unwrap_or(0),
            tier,
        },
    })
}
