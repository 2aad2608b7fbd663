//! `users`: accounts, and the counters kept beside them.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::GenericClient;
use domain::{MobileNumber, Role, SessionId, Tier, UserId};
use tokio_postgres::Row;

use crate::StoreError;
use crate::sessions::{self, Ended, NewSession};

/// An account as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The number it is known by, in E.164 form.
    pub mobile_number: String,
    /// What the person is called.
    pub name: String,
    /// The plan.
    pub tier: Tier,
    /// When it was opened.
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

/// An account about to be opened.
#[derive(Debug, Clone, Copy)]
pub struct NewUser<'a> {
    /// Its id.
    pub id: UserId,
    /// The number it will be known by.
    pub mobile_number: &'a MobileNumber,
    /// What the person is called.
    pub name: &'a str,
    /// The argon2id hash of the password, as a PHC string.
    pub password_hash: &'a str,
}

/// Opens an account and its first session in one statement.
///
/// # Errors
/// [`StoreError::Conflict`] on `users_mobile_number_key` when the number has an account.
pub async fn insert_with_session(
    db: &impl GenericClient,
    user: NewUser<'_>,
    session: &NewSession<'_>,
) -> Result<User, StoreError> {
    let sql = format!(
        "WITH opened AS (
            INSERT INTO users (id, mobile_number, name, password_hash, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $5)
            RETURNING {COLUMNS}
        ), begun AS (
            INSERT INTO sessions (id, user_id, refresh_token_hash, address, user_agent, created_at, last_seen_at, expires_at)
            SELECT $6, id, $7, $8, $9, $5, $5, $10 FROM opened
        )
        SELECT * FROM opened"
    );
    let statement = db.prepare_cached(&sql).await?;
    let row = db
        .query_one(
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
            ],
        )
        .await?;
    (&row).try_into()
}

/// An account and the hash its password is checked against.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The account.
    pub user: User,
    /// The password's hash, as a PHC string.
    pub password_hash: String,
}

/// The credentials of the account known by `mobile_number`.
///
/// # Errors
/// When Postgres does not answer.
pub async fn find_credentials_by_number(
    db: &impl GenericClient,
    mobile_number: &MobileNumber,
) -> Result<Option<Credentials>, StoreError> {
    let sql = format!("SELECT {COLUMNS}, password_hash FROM users WHERE mobile_number = $1");
    let statement = db.prepare_cached(&sql).await?;
    let row = db.query_opt(&statement, &[&mobile_number.as_str()]).await?;
    row.as_ref().map(credentials).transpose()
}

/// The credentials of `user`.
///
/// # Errors
/// When Postgres does not answer.
pub async fn find_credentials(
    db: &impl GenericClient,
    user: UserId,
) -> Result<Option<Credentials>, StoreError> {
    let sql = format!("SELECT {COLUMNS}, password_hash FROM users WHERE id = $1 AND deleted_at IS NULL");
    let statement = db.prepare_cached(&sql).await?;
    let row = db.query_opt(&statement, &[&user.0]).await?;
    row.as_ref().map(credentials).transpose()
}

fn credentials(row: &Row) -> Result<Credentials, StoreError> {
    Ok(Credentials { user: row.try_into()?, password_hash: row.try_get("password_hash")? })
}

/// Sets the password of the account known by `mobile_number` and ends all of its sessions. Answers which, where there is
/// such an account.
///
/// # Errors
/// When Postgres does not answer.
pub async fn reset_password(
    db: &mut impl GenericClient,
    mobile_number: &MobileNumber,
    password_hash: &str,
    now: DateTime<Utc>,
) -> Result<Option<Vec<SessionId>>, StoreError> {
    const SQL: &str =
        "UPDATE users SET password_hash = $2, updated_at = $3 WHERE mobile_number = $1 RETURNING id";
    let transaction = db.transaction().await?;
    let statement = transaction.prepare_cached(SQL).await?;
    let row = transaction.query_opt(&statement, &[&mobile_number.as_str(), &password_hash, &now]).await?;
    let Some(row) = row else { return Ok(None) };
    // A statement of its own: the one before may have waited for a login, whose session only the next one sees.
    let ended = sessions::delete(&transaction, UserId(row.try_get("id")?), Ended::All).await?;
    transaction.commit().await?;
    Ok(Some(ended))
}

/// Puts `new_hash` in the place of `old_hash` for the same password of `user`. Answers whether that was still in force.
///
/// # Errors
/// When Postgres does not answer.
pub async fn replace_hash(
    db: &impl GenericClient,
    user: UserId,
    old_hash: &str,
    new_hash: &str,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
    let statement = db.prepare_cached(SQL).await?;
    Ok(db.execute(&statement, &[&user.0, &old_hash, &new_hash]).await? == 1)
}

/// Sets the password of `user`, provided it is still the one behind `old_hash`, and ends all sessions but `kept`.
/// Answers which, where it was.
///
/// # Errors
/// When Postgres does not answer.
pub async fn change_password(
    db: &mut impl GenericClient,
    user: UserId,
    kept: SessionId,
    old_hash: &str,
    new_hash: &str,
    now: DateTime<Utc>,
) -> Result<Option<Vec<SessionId>>, StoreError> {
    const SQL: &str =
        "UPDATE users SET password_hash = $3, updated_at = $4 WHERE id = $1 AND password_hash = $2";
    let transaction = db.transaction().await?;
    let statement = transaction.prepare_cached(SQL).await?;
    if transaction.execute(&statement, &[&user.0, &old_hash, &new_hash, &now]).await? == 0 {
        return Ok(None);
    }
    // As in a reset.
    let ended = sessions::delete(&transaction, user, Ended::AllBut(kept)).await?;
    transaction.commit().await?;
    Ok(Some(ended))
}

/// The account of `user` and how many of `day`'s messages are used.
///
/// # Errors
/// When Postgres does not answer.
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

/// What a person used on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyUsage {
    /// The day, in UTC.
    pub day: NaiveDate,
    /// Messages accepted, less those given back.
    pub messages: i32,
    /// Tokens sent to the model.
    pub prompt_tokens: i64,
    /// Tokens the model wrote.
    pub response_tokens: i64,
}

impl TryFrom<&Row> for DailyUsage {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            day: row.try_get("day")?,
            messages: row.try_get("messages")?,
            prompt_tokens: row.try_get("prompt_tokens")?,
            response_tokens: row.try_get("response_tokens")?,
        })
    }
}

/// What `user` used on each day from `first` to `last`, the latest first.
///
/// # Errors
/// When Postgres does not answer.
pub async fn list_usage(
    db: &impl GenericClient,
    user: UserId,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<Vec<DailyUsage>, StoreError> {
    const SQL: &str = "
        SELECT days.day::date AS day, coalesce(d.messages, 0) AS messages,
            coalesce(d.prompt_tokens, 0) AS prompt_tokens, coalesce(d.response_tokens, 0) AS response_tokens
        FROM generate_series($2::date, $3::date, interval '1 day') AS days (day)
        LEFT JOIN daily_usage d ON d.user_id = $1 AND d.day = days.day::date
        ORDER BY days.day DESC";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&user.0, &first, &last]).await?;
    rows.iter().map(TryInto::try_into).collect()
}

/// All that is kept of what `user` used, day by day, the first first.
///
/// # Errors
/// When Postgres does not answer.
pub async fn list_whole_usage(db: &impl GenericClient, user: UserId) -> Result<Vec<DailyUsage>, StoreError> {
    const SQL: &str = "
        SELECT day, messages, prompt_tokens, response_tokens FROM daily_usage WHERE user_id = $1 ORDER BY day";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&user.0]).await?;
    rows.iter().map(TryInto::try_into).collect()
}

/// Renames `user` and answers the account as it is then.
///
/// # Errors
/// When Postgres does not answer.
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

/// Gives the account known by `mobile_number` a role, which counts from its next request on. Answers whether there is
/// such an account.
///
/// # Errors
/// When Postgres does not answer.
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

/// What an account amounts to. Rooms and messages that were deleted do not count; tokens that were used do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Rooms.
    pub chatroom_count: i64,
    /// Messages the person wrote.
    pub message_count: i64,
    /// Answers the model gave.
    pub ai_response_count: i64,
    /// Tokens sent to the model.
    pub prompt_tokens: i64,
    /// Tokens the model wrote.
    pub response_tokens: i64,
}

/// The kept counters of `user`.
///
/// # Errors
/// When Postgres does not answer.
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
