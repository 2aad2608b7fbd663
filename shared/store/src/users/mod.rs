//! `users`: accounts and the counters stored with them.
//!
//! [`credentials`] reads and replaces password hashes. An account whose deletion has started has
//! `deleted_at` set and no mobile number; the functions that serve its owner no longer find it.

pub mod credentials;

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::GenericClient;
use domain::{MobileNumber, Role, Tier, UserId, quota};
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

/// Inserts an account and its first session in one statement. Returns `None` if the number already
/// has an account. That is no error of Postgres, which would write the number into its log.
pub async fn insert_with_session(
    db: &impl GenericClient,
    user: NewUser<'_>,
    session: &NewSession<'_>,
) -> Result<Option<User>, StoreError> {
    let sql = format!(
        "WITH new_user AS (
            INSERT INTO users (id, mobile_number, name, password_hash, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $5)
            ON CONFLICT (mobile_number) DO NOTHING
            RETURNING {COLUMNS}
        ), new_session AS (
            INSERT INTO sessions (id, user_id, refresh_token_hash, address, user_agent, created_at, last_seen_at, expires_at)
            SELECT $6, id, $7, $8, $9, $5, $5, $10 FROM new_user
        ), inherited AS (
            INSERT INTO daily_usage (user_id, day, messages, refunds)
            SELECT new_user.id, retired.day, retired.messages, retired.refunds
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
            ],
        )
        .await?;
    row.as_ref().map(TryInto::try_into).transpose()
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

/// Updates the role of the account with `mobile_number`; it applies from the user's next request
/// on. Returns whether there is such an account.
pub async fn update_role(
    db: &impl GenericClient,
    mobile_number: &MobileNumber,
    role: Role,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE users SET role = $2, updated_at = $3 WHERE mobile_number = $1";
    let statement = db.prepare_cached(SQL).await?;
    Ok(db.execute(&statement, &[&mobile_number.as_str(), &role.as_str(), &now]).await? == 1)
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
