//! The titles of chatrooms without a name of their own.
//!
//! The statement that stores the first answer ([`complete`](crate::generations::processing::complete))
//! makes the title due. A worker claims it for some time, calls the model and stores the title. The row
//! is the outbox: while `title_due_at` is set, the sweeper sends the job again.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::GenericClient;
use domain::{ChatroomId, GenerationId, RequestOrigin, UserId};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::StoreError;
use crate::generations::origin;

/// A claim of the title that the answer of a generation gets.
#[derive(Debug, Clone, Copy)]
pub struct NewClaim {
    /// The generation.
    pub generation_id: GenerationId,
    /// Random, new for each claim.
    pub owner: Uuid,
    /// The current time.
    pub now: DateTime<Utc>,
    /// When the claim ends.
    pub until: DateTime<Utc>,
    /// The day on which the call counts.
    pub day: NaiveDate,
    /// The most calls for titles that a user has on a day.
    pub max_per_day: i32,
}

/// A claimed title.
#[derive(Clone)]
pub struct ClaimedTitle {
    /// The chatroom.
    pub chatroom_id: ChatroomId,
    /// The owner of the chatroom.
    pub user_id: UserId,
    /// The owner of the claim.
    pub owner: Uuid,
    /// The name until then.
    pub name: String,
    /// The text of the question.
    pub question: String,
    /// The text of the answer.
    pub answer: String,
}

/// The result of a claim.
pub enum TitleClaim {
    /// The caller makes the title. The call is counted.
    Claimed(Box<ClaimedTitle>),
    /// The user has had all calls of the day. The chatroom keeps its name.
    LimitReached,
    /// There is no such title to make: it is made, another worker has claimed it, the owner has named
    /// the chatroom, the account is closed, or the generation is deleted.
    NotDue,
}

/// Claims a title and counts its call. Concurrent workers never claim the same one.
pub async fn claim(db: &impl GenericClient, claim: NewClaim) -> Result<TitleClaim, StoreError> {
    const SQL: &str = "
        WITH room AS (
            SELECT c.id, c.user_id FROM generations g
            JOIN chatrooms c ON c.id = g.chatroom_id
            JOIN users u ON u.id = c.user_id
            WHERE g.id = $1 AND c.title_generation_id = g.id AND c.title_state = 'due'
                AND (c.title_owner IS NULL OR c.title_due_at <= $3)
                AND u.suspended_at IS NULL AND u.deleted_at IS NULL
            FOR NO KEY UPDATE OF c
        ), counted AS (
            INSERT INTO daily_usage AS d (user_id, day, titles)
            SELECT user_id, $5, 1 FROM room WHERE $6::integer > 0
            ON CONFLICT (user_id, day) DO UPDATE SET titles = d.titles + 1 WHERE d.titles < $6
            RETURNING d.user_id
        ), claimed AS (
            UPDATE chatrooms c SET title_owner = $2,
                title_state = CASE WHEN allowed.is_allowed THEN c.title_state END,
                title_due_at = CASE WHEN allowed.is_allowed THEN $4::timestamptz END
            FROM room, (SELECT EXISTS (SELECT FROM counted) AS is_allowed) allowed
            WHERE c.id = room.id
            RETURNING c.id, c.user_id, c.name, allowed.is_allowed
        )
        SELECT c.id, c.user_id, c.name, c.is_allowed, question.content AS question, answer.content AS answer
        FROM claimed c
        JOIN generations g ON g.id = $1
        JOIN messages question ON question.id = g.question_id
        JOIN messages answer ON answer.generation_id = g.id";
    let NewClaim { generation_id, owner, now, until, day, max_per_day } = claim;
    let statement = db.prepare_cached(SQL).await?;
    let parameters: [&(dyn ToSql + Sync); 6] = [&generation_id.0, &owner, &now, &until, &day, &max_per_day];
    let Some(row) = db.query_opt(&statement, &parameters).await? else { return Ok(TitleClaim::NotDue) };
    if !row.try_get::<_, bool>("is_allowed")? {
        return Ok(TitleClaim::LimitReached);
    }
    Ok(TitleClaim::Claimed(Box::new(ClaimedTitle {
        chatroom_id: ChatroomId(row.try_get("id")?),
        user_id: UserId(row.try_get("user_id")?),
        owner,
        name: row.try_get("name")?,
        question: row.try_get("question")?,
        answer: row.try_get("answer")?,
    })))
}

/// Ends the claim, if the caller still has it: the chatroom gets `title`, or keeps its name without
/// one. A name that the owner has chosen meanwhile stays. Returns whether the chatroom has `title`.
pub async fn conclude(
    db: &impl GenericClient,
    claimed: &ClaimedTitle,
    title: Option<&str>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    // The name is compared because the previous release renames without clearing `title_state`.
    const SQL: &str = "
        UPDATE chatrooms SET title_state = NULL, title_owner = NULL, title_due_at = NULL,
            name = CASE WHEN name = $3 THEN coalesce($4, name) ELSE name END,
            updated_at = CASE WHEN name = $3 AND $4::text IS NOT NULL THEN $5 ELSE updated_at END
        WHERE id = $1 AND title_owner = $2 AND title_state = 'due'
        RETURNING name";
    let statement = db.prepare_cached(SQL).await?;
    let parameters: [&(dyn ToSql + Sync); 5] =
        [&claimed.chatroom_id.0, &claimed.owner, &claimed.name, &title, &now];
    let Some(row) = db.query_opt(&statement, &parameters).await? else { return Ok(false) };
    Ok(title == Some(row.try_get("name")?))
}

/// A title whose worker has died, or that no worker has begun.
#[derive(Debug, Clone)]
pub struct StrandedTitle {
    /// The chatroom.
    pub chatroom_id: ChatroomId,
    /// The generation whose question and answer get the title.
    pub generation_id: GenerationId,
    /// The number of the resend. `None`: it was resent too often, and the chatroom keeps its name.
    pub resend: Option<i32>,
    /// The request that asked for the answer.
    pub origin: Option<RequestOrigin>,
}

/// Claims up to `limit` stranded titles, the longest overdue first, and schedules the next resend of
/// each in `2^n` minutes, or gives up after `max_resends`. Concurrent sweeps claim different ones.
pub async fn claim_stranded(
    db: &impl GenericClient,
    now: DateTime<Utc>,
    limit: i64,
    max_resends: i16,
) -> Result<Vec<StrandedTitle>, StoreError> {
    const SQL: &str = "
        UPDATE chatrooms c SET title_owner = NULL, title_resends = c.title_resends + 1,
            title_state = CASE WHEN c.title_resends < $3 THEN c.title_state END,
            title_due_at = CASE WHEN c.title_resends < $3
                THEN $1::timestamptz + interval '1 minute' * (1 << (c.title_resends + 1)) END
        WHERE c.id = ANY (ARRAY(
            SELECT id FROM chatrooms WHERE title_due_at <= $1
            ORDER BY title_due_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
        ))
        RETURNING c.id, c.title_generation_id, c.title_resends, c.title_state IS NOT NULL AS is_resent,
            (SELECT traceparent FROM generations g WHERE g.id = c.title_generation_id),
            (SELECT request_id FROM generations g WHERE g.id = c.title_generation_id)";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&now, &limit, &max_resends]).await?;
    let stranded = rows.iter().map(|row| {
        let resend = i32::from(row.try_get::<_, i16>("title_resends")?);
        Ok(StrandedTitle {
            chatroom_id: ChatroomId(row.try_get("id")?),
            generation_id: GenerationId(row.try_get("title_generation_id")?),
            resend: row.try_get::<_, bool>("is_resent")?.then_some(resend),
            origin: origin::read(row)?,
        })
    });
    stranded.collect()
}
