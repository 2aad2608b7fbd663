//! `sessions`: where a person is signed in.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::{Role, SessionId, UserId};

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
        WHERE s.id = $1 AND s.user_id = $2 AND s.expires_at > $3";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_opt(&statement, &[&session.0, &user.0, &now]).await?;
    row.map(|row| Ok(row.try_get::<_, &str>("role")?.try_into()?)).transpose()
}
