//! `sessions`: the sessions of a user, one for each sign-in on a device.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::{Role, SessionId, Tier, UserId};

use crate::StoreError;

/// A session to insert.
#[derive(Debug, Clone)]
pub struct NewSession<'a> {
    /// The id, which the access token contains.
    pub id: SessionId,
    /// The hash of the refresh token.
    pub refresh_token_hash: &'a [u8],
    /// The IP address of the client.
    pub address: Option<&'a str>,
    /// The `User-Agent` of the client.
    pub user_agent: Option<&'a str>,
    /// The current time.
    pub created_at: DateTime<Utc>,
    /// When the refresh token expires.
    pub expires_at: DateTime<Utc>,
}

/// Inserts a session of `user` if `password_hash` is still the stored one. A login that verified
/// the previous password must not get a session after a reset or a change, nor a suspended
/// account at all. Returns whether the session was inserted.
pub async fn insert(
    db: &impl GenericClient,
    user: UserId,
    password_hash: &str,
    session: &NewSession<'_>,
) -> Result<bool, StoreError> {
    const SQL: &str = "
        INSERT INTO sessions (id, user_id, refresh_token_hash, address, user_agent, created_at, last_seen_at, expires_at)
        SELECT $1, id, $3, $4, $5, $6, $6, $7 FROM users
        WHERE id = $2 AND password_hash = $8 AND suspended_at IS NULL FOR SHARE";
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
    /// The id.
    pub id: SessionId,
    /// The IP address of the last refresh, or of the sign-in.
    pub address: Option<String>,
    /// The `User-Agent` at that time.
    pub user_agent: Option<String>,
    /// When the user signed in.
    pub created_at: DateTime<Utc>,
    /// The time of the last refresh, or of the sign-in.
    pub last_seen_at: DateTime<Utc>,
}

/// Lists the sessions of `user` that expire after `now`, the last seen first.
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

/// The replacement of a refresh token by the next one.
#[derive(Debug, Clone, Copy)]
pub struct TokenRotation<'a> {
    /// The session that the token names.
    pub session: SessionId,
    /// The hash of the token that the client sent.
    pub old_hash: &'a [u8],
    /// The hash of its successor.
    pub new_hash: &'a [u8],
    /// The IP address of the client.
    pub address: Option<&'a str>,
    /// The `User-Agent` of the client.
    pub user_agent: Option<&'a str>,
    /// The current time.
    pub now: DateTime<Utc>,
    /// When the successor expires.
    pub expires_at: DateTime<Utc>,
    /// The start of the reuse interval.
    pub repeatable_since: DateTime<Utc>,
}

/// The result of a token rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RotationOutcome {
    /// The next token is the current one: this call stored it, or an earlier call with the same
    /// token did so within the reuse interval.
    Rotated {
        /// The owner of the session.
        user: UserId,
        /// The mobile number of the owner.
        mobile_number: String,
    },
    /// The token was replaced before the reuse interval, or its successor was used, so it was
    /// stolen. The session is deleted.
    Reused {
        /// The owner of the session.
        user: UserId,
    },
    /// The token is valid, but the account is suspended; nothing has changed.
    Suspended,
    /// There is no such session, or it has expired.
    NotFound,
}

/// Replaces the refresh token of a session by its successor. A token that was replaced by this
/// successor after `repeatable_since` gets it again, because the client may have lost the response.
/// Any other replaced token deletes the session.
pub async fn rotate_refresh_token(
    db: &impl GenericClient,
    rotation: TokenRotation<'_>,
) -> Result<RotationOutcome, StoreError> {
    const ROTATE: &str = "
        UPDATE sessions s SET refresh_token_hash = $3, address = $4, user_agent = $5, last_seen_at = $6, expires_at = $7
        FROM users u WHERE s.id = $1 AND s.refresh_token_hash = $2 AND s.expires_at > $6
            AND u.id = s.user_id AND u.deleted_at IS NULL AND u.suspended_at IS NULL
        RETURNING s.user_id, u.mobile_number";
    let (id, old_hash) = (rotation.session.0, rotation.old_hash);
    let statement = db.prepare_cached(ROTATE).await?;
    let rotated = db
        .query_opt(
            &statement,
            &[
                &id,
                &old_hash,
                &rotation.new_hash,
                &rotation.address,
                &rotation.user_agent,
                &rotation.now,
                &rotation.expires_at,
            ],
        )
        .await?;
    match rotated {
        Some(row) => Ok(RotationOutcome::Rotated {
            user: UserId(row.try_get("user_id")?),
            mobile_number: row.try_get("mobile_number")?,
        }),
        None => check_replaced_token(db, rotation).await,
    }
}

/// Decides about a token that is not the current one, or whose account is suspended. This is a
/// separate statement, whose later snapshot sees what a concurrent rotation has just committed.
async fn check_replaced_token(
    db: &impl GenericClient,
    rotation: TokenRotation<'_>,
) -> Result<RotationOutcome, StoreError> {
    const SQL: &str = "
        WITH session AS (
            SELECT s.id, s.user_id, u.mobile_number, u.suspended_at IS NOT NULL AS is_suspended,
                (s.refresh_token_hash = $3 AND s.last_seen_at > $4 AND s.expires_at > $5 AND u.deleted_at IS NULL)
                    OR s.refresh_token_hash = $2 AS is_valid
            FROM sessions s JOIN users u ON u.id = s.user_id
            WHERE s.id = $1 AND (s.refresh_token_hash <> $2 OR (s.expires_at > $5 AND u.suspended_at IS NOT NULL))
            FOR UPDATE OF s
        ), deleted AS (
            DELETE FROM sessions s USING session WHERE s.id = session.id AND NOT session.is_valid
        )
        SELECT user_id, mobile_number, is_valid, is_suspended FROM session";
    let statement = db.prepare_cached(SQL).await?;
    let TokenRotation { session, old_hash, new_hash, repeatable_since, now, .. } = rotation;
    let row = db.query_opt(&statement, &[&session.0, &old_hash, &new_hash, &repeatable_since, &now]).await?;
    let Some(row) = row else { return Ok(RotationOutcome::NotFound) };
    let user = UserId(row.try_get("user_id")?);
    Ok(match (row.try_get("is_valid")?, row.try_get("is_suspended")?) {
        (false, _) => RotationOutcome::Reused { user },
        (true, true) => RotationOutcome::Suspended,
        (true, false) => RotationOutcome::Rotated { user, mobile_number: row.try_get("mobile_number")? },
    })
}

/// Selects sessions of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionFilter {
    /// Only this session.
    One(SessionId),
    /// All sessions except this one.
    AllExcept(SessionId),
    /// All sessions.
    All,
}

/// Deletes the selected sessions of `user` and returns their ids. Never deletes the session of
/// another user.
pub async fn delete(
    db: &impl GenericClient,
    user: UserId,
    filter: SessionFilter,
) -> Result<Vec<SessionId>, StoreError> {
    const SQL: &str = "
        DELETE FROM sessions WHERE user_id = $1 AND ($2::uuid IS NULL OR id = $2) AND ($3::uuid IS NULL OR id <> $3)
        RETURNING id";
    let (one, kept) = match filter {
        SessionFilter::One(session) => (Some(session.0), None),
        SessionFilter::AllExcept(session) => (None, Some(session.0)),
        SessionFilter::All => (None, None),
    };
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&user.0, &one, &kept]).await?;
    rows.iter().map(|row| Ok(SessionId(row.try_get("id")?))).collect()
}

/// Lists the ids of all sessions of `user`, expired ones included.
pub async fn list_ids(db: &impl GenericClient, user: UserId) -> Result<Vec<SessionId>, StoreError> {
    let statement = db.prepare_cached("SELECT id FROM sessions WHERE user_id = $1").await?;
    let rows = db.query(&statement, &[&user.0]).await?;
    rows.iter().map(|row| Ok(SessionId(row.try_get("id")?))).collect()
}

/// What authentication needs of an active session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveSession {
    /// The plan of the owner.
    pub tier: Tier,
    /// When the session expires.
    pub expires_at: DateTime<Utc>,
    /// Whether an operator has suspended the account.
    pub is_suspended: bool,
}

/// Finds `session` if it belongs to `user` and expires after `now`. Does not find sessions of an
/// account whose deletion has started.
pub async fn find_active(
    db: &impl GenericClient,
    session: SessionId,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Option<ActiveSession>, StoreError> {
    const SQL: &str = "
        SELECT u.subscription_tier, s.expires_at, u.suspended_at IS NOT NULL AS is_suspended FROM sessions s JOIN users u ON u.id = s.user_id
        WHERE s.id = $1 AND s.user_id = $2 AND s.expires_at > $3 AND u.deleted_at IS NULL";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_opt(&statement, &[&session.0, &user.0, &now]).await?;
    row.map(|row| {
        let tier = row.try_get::<_, &str>("subscription_tier")?.try_into()?;
        Ok(ActiveSession {
            tier,
            expires_at: row.try_get("expires_at")?,
            is_suspended: row.try_get("is_suspended")?,
        })
    })
    .transpose()
}

/// Finds the role of `user` if `session` belongs to them and expires after `now`, and the account
/// is not suspended.
pub async fn find_role(
    db: &impl GenericClient,
    session: SessionId,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Option<Role>, StoreError> {
    const SQL: &str = "
        SELECT u.role FROM sessions s JOIN users u ON u.id = s.user_id
        WHERE s.id = $1 AND s.user_id = $2 AND s.expires_at > $3 AND u.deleted_at IS NULL
            AND u.suspended_at IS NULL";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_opt(&statement, &[&session.0, &user.0, &now]).await?;
    row.map(|row| Ok(row.try_get::<_, &str>("role")?.try_into()?)).transpose()
}

/// Deletes up to `limit` sessions of all users that have expired at `now`, and returns their
/// number. Skips sessions that a concurrent call has locked.
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
