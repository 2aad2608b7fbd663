//! `users`: accounts and the counters stored with them.
//!
//! [`credentials`] reads and replaces password hashes; [`operators`] has the actions of operators;
//! [`smoke_tests`] finds the accounts of deployments.
//! An account whose deletion has started has `deleted_at` set and no mobile number; the functions
//! that serve its owner no longer find it.

pub mod credentials;
pub mod operators;
pub mod smoke_tests;

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::GenericClient;
use domain::{MobileNumber, SessionId, Tier, UserId, quota};
use tokio_postgres::Row;

use crate::StoreError;
use crate::sessions::NewSession;

/// An account as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The id.
    pub id: UserId,
    /// The mobile number in E.164 form, unique among the accounts.
    pub mobile_number: String,
    /// The display name.
    pub name: String,
    /// The current plan.
    pub tier: Tier,
    /// When the account was created.
    pub created_at: DateTime<Utc>,
}

const COLUMNS: &str = "id, mobile_number, name, subscription_tier, created_at";

impl TryFrom<&Row> for User {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: UserId(row.try_get("id")?),
            mobile_number: row.try_get("mobile_number")?,
            name: row.try_get("name")?,
            tier: row.try_get::<_, &str>("subscription_tier")?.try_into()?,
            created_at: row.try_get("created_at")?,
        })
    }
}

/// The condition that selects the account with a number, whose
/// [spellings](domain::MobileNumber::spellings) are the parameter `spellings`. Of two accounts under
/// different spellings, the earlier spelling decides.
fn has_number(spellings: &str) -> String {
    format!(
        "id = (SELECT id FROM users WHERE mobile_number = ANY ({spellings}::text[])
            ORDER BY array_position({spellings}, mobile_number) LIMIT 1)"
    )
}

/// An account to insert.
#[derive(Debug, Clone, Copy)]
pub struct NewUser<'a> {
    /// The id.
    pub id: UserId,
    /// The mobile number.
    pub mobile_number: &'a MobileNumber,
    /// The display name.
    pub name: &'a str,
    /// The argon2id hash of the password, as a PHC string.
    pub password_hash: &'a str,
    /// The [keyed hash](domain::quota::number_hash) of the number, for what a deleted account with
    /// this number has used of today's quota.
    pub number_hash: &'a [u8],
}

/// Inserts an account and its first session in one statement. Returns `None` if the number, in any of
/// its spellings, or the id already has an account, or the number had a suspended one. That is no error of Postgres, which
/// would write the number into its log.
pub async fn insert_with_session(
    db: &impl GenericClient,
    user: NewUser<'_>,
    session: &NewSession<'_>,
) -> Result<Option<User>, StoreError> {
    let sql = format!(
        "WITH new_user AS (
            INSERT INTO users (id, mobile_number, name, password_hash, created_at, updated_at)
            SELECT $1, $2, $3, $4, $5, $5
            WHERE NOT EXISTS (SELECT FROM suspended_numbers WHERE number_hash = $11)
                AND NOT EXISTS (SELECT FROM users WHERE mobile_number = ANY ($13))
            ON CONFLICT DO NOTHING
            RETURNING {COLUMNS}
        ), new_session AS (
            INSERT INTO sessions (id, user_id, refresh_token_hash, address, user_agent, created_at, last_seen_at, expires_at)
            SELECT $6, id, $7, $8, $9, $5, $5, $10 FROM new_user
        ), inherited AS (
            INSERT INTO daily_usage (user_id, day, messages, refunds, cost_micro_usd, reached_cap_micro_usd)
            SELECT new_user.id, retired.day, retired.messages, retired.refunds, retired.cost_micro_usd,
                retired.reached_cap_micro_usd
            FROM new_user, retired_usage retired WHERE retired.number_hash = $11 AND retired.day = $12
        )
        SELECT * FROM new_user"
    );
    let statement = db.prepare_cached(&sql).await?;
    let row = db
        .query_opt(
            &statement,
            &[
                &user.id.0,
                &user.mobile_number.as_str(),
                &user.name,
                &user.password_hash,
                &session.created_at,
                &session.id.0,
                &session.refresh_token_hash,
                &session.address,
                &session.user_agent,
                &session.expires_at,
                &user.number_hash,
                &quota::day_of(session.created_at),
                &user.mobile_number.spellings(),
            ],
        )
        .await?;
    row.as_ref().map(TryInto::try_into).transpose()
}

/// Whether there is an account with the id `user`, even if its deletion has started.
pub async fn exists(db: &impl GenericClient, user: UserId) -> Result<bool, StoreError> {
    let statement = db.prepare_cached("SELECT FROM users WHERE id = $1").await?;
    Ok(db.query_opt(&statement, &[&user.0]).await?.is_some())
}

/// Finds the plan of `user`. Does not find an account whose deletion has started.
pub async fn find_tier(db: &impl GenericClient, user: UserId) -> Result<Option<Tier>, StoreError> {
    const SQL: &str = "SELECT subscription_tier FROM users WHERE id = $1 AND deleted_at IS NULL";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_opt(&statement, &[&user.0]).await?;
    row.map(|row| Ok(row.try_get::<_, &str>("subscription_tier")?.try_into()?)).transpose()
}

/// Finds the account of `user` and the hash of the refresh token of `session`, if that session is
/// theirs and expires after `now`. Finds neither an account whose deletion has started or that is
/// suspended, nor one whose password was changed since the sign-up.
pub async fn find_at_signup(
    db: &impl GenericClient,
    user: UserId,
    session: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<(User, Vec<u8>)>, StoreError> {
    const SQL: &str = "
        SELECT u.id, u.mobile_number, u.name, u.subscription_tier, u.created_at, s.refresh_token_hash
        FROM users u JOIN sessions s ON s.user_id = u.id
        WHERE u.id = $1 AND s.id = $2 AND s.expires_at > $3 AND u.deleted_at IS NULL
            AND u.suspended_at IS NULL AND u.password_changed_at IS NULL";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_opt(&statement, &[&user.0, &session.0, &now]).await?;
    row.map(|row| Ok(((&row).try_into()?, row.try_get("refresh_token_hash")?))).transpose()
}

/// Finds the account of `user`, with the number of messages used from the quota of `day`. Does not
/// find an account whose deletion has started.
pub async fn find_with_usage(
    db: &impl GenericClient,
    user: UserId,
    day: NaiveDate,
) -> Result<Option<(User, i32)>, StoreError> {
    const SQL: &str = "
        SELECT u.id, u.mobile_number, u.name, u.subscription_tier, u.created_at, coalesce(d.messages, 0) AS used
        FROM users u LEFT JOIN daily_usage d ON d.user_id = u.id AND d.day = $2
        WHERE u.id = $1 AND u.deleted_at IS NULL";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_opt(&statement, &[&user.0, &day]).await?;
    row.map(|row| Ok(((&row).try_into()?, row.try_get("used")?))).transpose()
}

/// Updates the name of `user` and returns the updated account. Does not find an account whose
/// deletion has started.
pub async fn update_name(
    db: &impl GenericClient,
    user: UserId,
    name: &str,
    now: DateTime<Utc>,
) -> Result<Option<User>, StoreError> {
    let sql = format!(
        "UPDATE users SET name = $2, updated_at = $3 WHERE id = $1 AND deleted_at IS NULL RETURNING {COLUMNS}"
    );
    let statement = db.prepare_cached(&sql).await?;
    let row = db.query_opt(&statement, &[&user.0, &name, &now]).await?;
    row.as_ref().map(TryInto::try_into).transpose()
}

/// The counters of an account. Deleted chatrooms and messages no longer count; their tokens still
/// do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Chatrooms.
    pub chatroom_count: i64,
    /// Messages that the user wrote.
    pub message_count: i64,
    /// Answers that the model wrote.
    pub ai_response_count: i64,
    /// Tokens sent to the model.
    pub prompt_tokens: i64,
    /// Tokens that the model wrote.
    pub response_tokens: i64,
}

/// Finds the counters of `user`. Does not find an account whose deletion has started.
pub async fn find_stats(db: &impl GenericClient, user: UserId) -> Result<Option<Stats>, StoreError> {
    const SQL: &str = "
        SELECT chatroom_count, message_count, ai_response_count, prompt_tokens, response_tokens
        FROM users WHERE id = $1 AND deleted_at IS NULL";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_opt(&statement, &[&user.0]).await?;
    row.map(|row| {
        Ok(Stats {
            chatroom_count: row.try_get("chatroom_count")?,
            message_count: row.try_get("message_count")?,
            ai_response_count: row.try_get("ai_response_count")?,
            prompt_tokens: row.try_get("prompt_tokens")?,
            response_tokens: row.try_get("response_tokens")?,
        })
    })
    .transpose()
}
