//! Beginning a session, and what the client is told of it.

use app::{AppState, rng};
use chrono::{DateTime, Utc};
use domain::SessionId;
use domain::refresh_token::RefreshToken;
use secrecy::ExposeSecret;
use serde::Serialize;
use store::sessions::NewSession;
use store::users::User;
use web::{ApiError, ClientInfo, UserView};

/// The answer to a sign-up or a login.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SignedIn {
    message: &'static str,
    token: String,
    refresh_token: String,
    /// How long the token lasts, in seconds.
    expires_in: u64,
    user: UserView,
}

/// A session about to begin: what goes into the database, and what goes to the client.
pub(crate) struct SignIn {
    id: SessionId,
    refresh_token: RefreshToken,
    refresh_token_hash: Vec<u8>,
    client: ClientInfo,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl SignIn {
    /// A session of the person at `client`, from `now` on.
    pub(crate) fn new(app: &AppState, client: ClientInfo, now: DateTime<Utc>) -> Self {
        let id = SessionId::new(now);
        let key = app.config.jwt_secret.expose_secret().as_bytes();
        let refresh_token = RefreshToken::generate(id, key, &mut rng());
        Self {
            id,
            refresh_token_hash: refresh_token.hash(),
            refresh_token,
            client,
            now,
            expires_at: now + app.config.refresh_lifetime,
        }
    }

    /// Who signs in.
    pub(crate) fn client(&self) -> &ClientInfo {
        &self.client
    }

    /// The session as the store takes it.
    pub(crate) fn session(&self) -> NewSession<'_> {
        NewSession {
            id: self.id,
            refresh_token_hash: &self.refresh_token_hash,
            address: Some(&self.client.address),
            user_agent: self.client.user_agent.as_deref(),
            created_at: self.now,
            expires_at: self.expires_at,
        }
    }

    /// The answer to `user`, whose session is stored.
    pub(crate) fn answer(
        self,
        app: &AppState,
        user: User,
        message: &'static str,
    ) -> Result<SignedIn, ApiError> {
        let tokens = app.tokens()?;
        Ok(SignedIn {
            message,
            token: tokens.issue(user.id, self.id, self.now).map_err(ApiError::internal)?,
            refresh_token: self.refresh_token.expose().to_owned(),
            expires_in: tokens.lifetime().as_secs(),
            user: user.into(),
        })
    }
}
