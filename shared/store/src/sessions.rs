//! `sessions`: where a person is signed in.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::{Role, SessionId, Tier, UserId};

use crate::StoreError;

/// A session about to begin.
#[derive(Debug, Clone)]
pub struct NewSession<'a> {
    /// Its id, which the access token carries.
    pub id: SessionId,
    /// What is kept of the refresh token.
    pub refresh_token_hash: &'a [u8],
    /// The address signed in from.
    pub address: Option<&'a str>,
    /// What the client calls itself.
    pub user_agent: Option<&'a str>,
    /// Now.
    pub created_at: DateTime<Utc>,
    /// When the refresh token stops working.
    pub expires_at: DateTime<Utc>,
}

/// Begins a session of `user`, provided that `password_hash` is still the one in force: whoever looked at it before a
/// reset or a change must not get a session after it. Answers whether it was.
///
/// # Errors
/// When Postgres does not answer.
pub async fn insert(
    db: &impl GenericClient,
    user: UserId,
    password_hash: &str,
    session: &NewSession<'_>,
) -> Result<bool, StoreError> {
    const SQL: &str = "
        INSERT INTO sessions (id, user_id, refresh_token_hash, address, user_agent, created_at, last_seen_at, expires_at)
        SELECT $1, id, $3, $4, $5, $6, $6, $7 FROM users WHERE id = $2 AND password_hash = $8 FOR SHARE";
    let statement = db.prepare_cached(SQL).await?;
    let inserted = db
        .execute(
            &statement,
            &[
                &session.id.0,
                &user.0,
                &session.refresh_token_hash,
                &session.address,
                &session.user_agent,
                &session.created_at,
                &session.expires_at,
                &password_hash,
            ],
        )
        .await?;
    Ok(inserted == 1)
}

/// A session as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The address it was last refreshed from, or signed in from.
    pub address: Option<String>,
    /// What the client called itself then.
    pub user_agent: Option<String>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it was last refreshed, or began.
    pub last_seen_at: DateTime<Utc>,
}

/// The sessions of `user` that last beyond `now`, the one seen last first.
///
/// # Errors
/// When Postgres does not answer.
pub async fn list(
    db: &impl GenericClient,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<Session>, StoreError> {
    const SQL: &str = "
        SELECT id, address, user_agent, created_at, last_seen_at FROM sessions
        WHERE user_id = $1 AND expires_at > $2 ORDER BY last_seen_at DESC, id DESC";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&user.0, &now]).await?;
    rows.iter()
        .map(|row| {
            Ok(Session {
                id: SessionId(row.try_get("id")?),
                address: row.try_get("address")?,
                user_agent: row.try_get("user_agent")?,
                created_at: row.try_get("created_at")?,
                last_seen_at: row.try_get("last_seen_at")?,
            })
        })
        .collect()
}

/// A refresh: one token for the next.
#[derive(Debug, Clone, Copy)]
pub struct Refresh<'a> {
    /// The session that the token says it is of.
    pub session: SessionId,
    /// What would be kept of the token.
    pub old_hash: &'a [u8],
    /// What is kept of the next.
    pub new_hash: &'a [u8],
    /// The address it comes from.
    pub address: Option<&'a str>,
    /// What the client calls itself.
    pub user_agent: Option<&'a str>,
    /// Now.
    pub now: DateTime<Utc>,
    /// When the next token stops working.
    pub expires_at: DateTime<Utc>,
}

/// What came of a refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// The session goes on, with the next token.
    Renewed {
        /// Whose it is.
        user: UserId,
        /// What their account is known by.
        mobile_number: String,
    },
    /// The token had been replaced before: somebody else has, or had, it. The session is ended.
    Replayed {
        /// Whose it was.
        user: UserId,
    },
    /// There is no such session, or its time is over.
    Unknown,
}

/// Replaces a session's refresh token, or ends the session where the token is not the one in force. Of several at once one
/// is renewed, and the next one ends the session.
///
/// # Errors
/// When Postgres does not answer.
pub async fn refresh(db: &impl GenericClient, refresh: Refresh<'_>) -> Result<Refreshed, StoreError> {
    const RENEW: &str = "
        UPDATE sessions s SET refresh_token_hash = $3, address = $4, user_agent = $5, last_seen_at = $6, expires_at = $7
        FROM users u WHERE s.id = $1 AND s.refresh_token_hash = $2 AND s.expires_at > $6
            AND u.id = s.user_id AND u.deleted_at IS NULL
        RETURNING s.user_id, u.mobile_number";
    // A statement of its own, whose snapshot sees what a refresh beside it has just committed.
    const END: &str = "DELETE FROM sessions WHERE id = $1 AND refresh_token_hash <> $2 RETURNING user_id";
    let (id, old_hash) = (refresh.session.0, refresh.old_hash);
    let statement = db.prepare_cached(RENEW).await?;
    let renewed = db
        .query_opt(
            &statement,
            &[
                &id,
                &old_hash,
                &refresh.new_hash,
                &refresh.address,
                &refresh.user_agent,
                &refresh.now,
                &refresh.expires_at,
            ],
        )
        .await?;
    if let Some(row) = renewed {
        let (user, mobile_number) = (UserId(row.try_get("user_id")?), row.try_get("mobile_number")?);
        return Ok(Refreshed::Renewed { user, mobile_number });
    }
    let statement = db.prepare_cached(END).await?;
    match db.query_opt(&statement, &[&id, &old_hash]).await? {
        Some(row) => Ok(Refreshed::Replayed { user: UserId(row.try_get("user_id")?) }),
        None => Ok(Refreshed::Unknown),
    }
}

/// Which sessions of a person are ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// This one.
    One(SessionId),
    /// All others than this one.
    AllBut(SessionId),
    /// All of them.
    All,
}

/// Ends sessions of `user` and answers which.
///
/// # Errors
/// When Postgres does not answer.
pub async fn delete(
    db: &impl GenericClient,
    user: UserId,
    which: Ended,
) -> Result<Vec<SessionId>, StoreError> {
    const SQL: &str = "
        DELETE FROM sessions WHERE user_id = $1 AND ($2::uuid IS NULL OR id = $2) AND ($3::uuid IS NULL OR id <> $3)
        RETURNING id";
    let (one, kept) = match which {
        Ended::One(session) => (Some(session.0), None),
        Ended::AllBut(session) => (None, Some(session.0)),
        Ended::All => (None, None),
    };
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&user.0, &one, &kept]).await?;
    rows.iter().map(|row| Ok(SessionId(row.try_get("id")?))).collect()
}

/// The ids of all sessions of `user`.
///
/// # Errors
/// When Postgres does not answer.
pub async fn list_ids(db: &impl GenericClient, user: UserId) -> Result<Vec<SessionId>, StoreError> {
    let statement = db.prepare_cached("SELECT id FROM sessions WHERE user_id = $1").await?;
    let rows = db.query(&statement, &[&user.0]).await?;
    rows.iter().map(|row| Ok(SessionId(row.try_get("id")?))).collect()
}

/// What is to be known of a session at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lasting {
    /// The plan of its owner.
    pub tier: Tier,
    /// When its time is over.
    pub expires_at: DateTime<Utc>,
}

/// `session`, provided that it is one of `user`'s and lasts beyond `now`.
///
/// # Errors
/// When Postgres does not answer.
pub async fn find_lasting(
    db: &impl GenericClient,
    session: SessionId,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Option<Lasting>, StoreError> {
    const SQL: &str = "
        SELECT u.subscription_tier, s.expires_at FROM sessions s JOIN users u ON u.id = s.user_id
        WHERE s.id = $1 AND s.user_id = $2 AND s.expires_at > $3 AND u.deleted_at IS NULL";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_opt(&statement, &[&session.0, &user.0, &now]).await?;
    row.map(|row| {
        let tier = row.try_get::<_, &str>("subscription_tier")?.try_into()?;
        Ok(Lasting { tier, expires_at: row.try_get("expires_at")? })
    })
    .transpose()
}

/// The role of `user`, provided that `session` is one of theirs and lasts beyond `now`; `None` otherwise.
///
/// # Errors
/// When Postgres does not answer.
pub async fn find_role(
    db: &impl GenericClient,
    session: SessionId,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Option<Role>, StoreError> {
    const SQL: &str = "
        SELECT u.role FROM sessions s JOIN users u ON u.id = s.user_id
        WHERE s.id = $1 AND s.user_id = $2 AND s.expires_at > $3 AND u.deleted_at IS NULL";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_opt(&statement, &[&session.0, &user.0, &now]).await?;
    row.map(|row| Ok(row.try_get::<_, &str>("role")?.try_into()?)).transpose()
}

/// Deletes up to `limit` sessions whose time is over at `now`, and answers how many.
///
/// # Errors
/// When Postgres does not answer.
pub async fn delete_expired(
    db: &impl GenericClient,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<u64, StoreError> {
    const SQL: &str = "
        DELETE FROM sessions WHERE id = ANY (ARRAY(
            SELECT id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ))";
    let statement = db.prepare_cached(SQL).await?;
    Ok(db.execute(&statement, &[&now, &limit]).await?)
}
