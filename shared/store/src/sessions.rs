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

/// Begins a session of `user`.
///
/// # Errors
/// [`StoreError::Conflict`] when there is no such user.
pub async fn insert(
    db: &impl GenericClient,
    user: UserId,
    session: &NewSession<'_>,
) -> Result<(), StoreError> {
    const SQL: &str = "
        INSERT INTO sessions (id, user_id, refresh_token_hash, address, user_agent, created_at, last_seen_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $6, $7)";
    let statement = db.prepare_cached(SQL).await?;
    db.execute(
        &statement,
        &[
            &session.id.0,
            &user.0,
            &session.refresh_token_hash,
            &session.address,
            &session.user_agent,
            &session.created_at,
            &session.expires_at,
        ],
    )
    .await?;
    Ok(())
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
