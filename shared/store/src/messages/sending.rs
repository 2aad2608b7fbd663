//! Accepts a message: checks the owner of the chatroom, charges the quota and inserts the row, in
//! one statement.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::GenericClient;
use domain::plan::DailyLimits;
use domain::spending::CapScope;
use domain::{ChatroomId, GenerationId, MessageId, RequestOrigin, Tier, UserId, search};
use tokio_postgres::types::ToSql;

use crate::StoreError;
use crate::generations::origin;
use crate::spending::{reached_cap, reached_cap_of};

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
    /// What it follows.
    pub place: Place,
    /// The request that sends it.
    pub origin: Option<&'a RequestOrigin>,
}

/// What a new message follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The last message on the active branch.
    End,
    /// A message, if that is the last one on the active branch.
    EndAfter(MessageId),
    /// A generation, on any branch, or none. The caller has checked that it is in the chatroom, and
    /// makes the branch active.
    Branch(Option<GenerationId>),
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
    /// A spending cap of the day is reached; nothing is stored.
    SpendCapReached(CapScope),
    /// The message that it should follow is not the last one on the active branch; nothing is stored.
    NotAtEnd,
    /// The sender has no such chatroom; nothing is stored.
    ChatroomNotFound,
}

/// Inserts `message` of `sender` with its first generation, if the sender owns the chatroom and has
/// quota left. The lock on the row in `daily_usage` serialises concurrent calls, so exactly as many
/// messages are accepted as the plan allows.
pub async fn insert_message(
    db: &impl GenericClient,
    sender: UserId,
    message: NewMessage<'_>,
    limits: DailyLimits,
) -> Result<SendOutcome, StoreError> {
    // The state is also in the columns of `messages`, where the previous release reads it.
    let sql = format!(
        "WITH chatroom AS (
            SELECT id, user_id, last_position, greatest($6, last_message_at) AS now FROM chatrooms
            WHERE id = $1 AND user_id = $2 FOR NO KEY UPDATE
        ), last AS (
            SELECT coalesce(last_active_generation(id), id) AS generation_id FROM chatroom
        ), place AS (
            SELECT coalesce($11, last.generation_id) AS generation_id,
                $10::uuid IS NULL OR EXISTS (
                    SELECT FROM messages m WHERE m.id = $10 AND m.chatroom_id = $1 AND last.generation_id =
                        CASE WHEN m.message_type = 'user' THEN coalesce(m.active_generation_id, m.id)
                            ELSE coalesce(m.generation_id, m.reply_to) END
                ) AS is_free
            FROM last
        ), plan AS (
            SELECT u.id AS user_id, u.subscription_tier,
                CASE u.subscription_tier WHEN 'pro' THEN $8::integer ELSE $7::integer END AS daily_limit
            FROM users u JOIN chatroom ON chatroom.user_id = u.id WHERE u.deleted_at IS NULL AND u.suspended_at IS NULL
        ), spending AS (
            SELECT {reached_cap} AS reached_cap
        ), quota AS (
            INSERT INTO daily_usage AS d (user_id, day, messages, refund_limit)
            SELECT user_id, $3, 1, daily_limit FROM plan, place, spending
            WHERE daily_limit > 0 AND place.is_free AND spending.reached_cap IS NULL
            ON CONFLICT (user_id, day) DO UPDATE SET messages = d.messages + 1, refund_limit = excluded.refund_limit
                WHERE d.messages < (SELECT daily_limit FROM plan)
            RETURNING d.messages
        ), stored AS (
            INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status,
                quota_day, sweep_at, search_tokens, parent_generation_id, created_at, updated_at)
            SELECT $4, chatroom.id, chatroom.user_id, chatroom.last_position + 1, 'user', $5, 'pending', $3,
                $6::timestamptz + interval '1 minute', $9, place.generation_id, chatroom.now, $6
            FROM chatroom, place, quota
            RETURNING id, chatroom_id, user_id, position, quota_day, sweep_at, created_at, updated_at
        ), requested AS (
            INSERT INTO generations (id, question_id, chatroom_id, user_id, position, status, quota_day, sweep_at,
                created_at, updated_at, traceparent, request_id)
            SELECT id, id, chatroom_id, user_id, position, 'pending', quota_day, sweep_at, created_at, updated_at,
                $14, $15
            FROM stored
        ), counted_in_chatroom AS (
            UPDATE chatrooms c SET last_position = c.last_position + 1, message_count = c.message_count + 1,
                last_message_at = stored.created_at
            FROM stored WHERE c.id = stored.chatroom_id
            RETURNING c.user_id
        ), counted_for_user AS (
            UPDATE users u SET message_count = u.message_count + 1
            FROM counted_in_chatroom WHERE u.id = counted_in_chatroom.user_id
        )
        SELECT plan.subscription_tier, place.is_free, spending.reached_cap, (SELECT messages FROM quota) AS used,
            (SELECT created_at FROM stored) AS created_at,
            (SELECT messages FROM daily_usage WHERE user_id = $2 AND day = $3) AS used_before
        FROM plan, place, spending",
        reached_cap = reached_cap("$2", "$3", "$12", "$13"),
    );
    let (after, generation) = match message.place {
        Place::End => (None, None),
        Place::EndAfter(last) => (Some(last.0), None),
        // A question that follows no generation has the id of the chatroom.
        Place::Branch(generation) => (None, Some(generation.map_or(message.chatroom_id.0, |id| id.0))),
    };
    let (traceparent, request_id) = origin::parameters(message.origin);
    let statement = db.prepare_cached(&sql).await?;
    let parameters: [&(dyn ToSql + Sync); 15] = [
        &message.chatroom_id.0,
        &sender.0,
        &message.day,
        &message.id.0,
        &message.content,
        &message.created_at,
        &limits.basic,
        &limits.pro,
        &search::tokens(message.content),
        &after,
        &generation,
        &limits.spending.user,
        &limits.spending.service,
        &traceparent,
        &request_id,
    ];
    let Some(row) = db.query_opt(&statement, &parameters).await? else {
        return Ok(SendOutcome::ChatroomNotFound);
    };
    if !row.try_get::<_, bool>("is_free")? {
        return Ok(SendOutcome::NotAtEnd);
    }
    if let Some(scope) = reached_cap_of(&row)? {
        return Ok(SendOutcome::SpendCapReached(scope));
    }
    let tier = row.try_get::<_, &str>("subscription_tier")?.try_into()?;
    Ok(match row.try_get("used")? {
        Some(used) => SendOutcome::Accepted { used, tier, created_at: row.try_get("created_at")? },
        None => SendOutcome::QuotaExhausted {
            used: row.try_get::<_, Option<_>>("used_before")?.unwrap_or(0),
            tier,
        },
    })
}
