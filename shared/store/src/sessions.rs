//! `sessions`: where a person is signed in.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::{SessionId, UserId};

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

/// Whether `session` is one of `user`'s and lasts beyond `now`.
///
/// # Errors
/// When Postgres does not answer.
pub async fn is_live(
    db: &impl GenericClient,
    session: SessionId,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT 1 FROM sessions WHERE id = $1 AND user_id = $2 AND expires_at > $3";
    let statement = db.prepare_cached(SQL).await?;
    Ok(db.query_opt(&statement, &[&session.0, &user.0, &now]).await?.is_some())
}
