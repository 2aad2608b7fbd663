//! Creates a session with its tokens, for sign-up and login.

use app::{AppState, rng};
use chrono::{DateTime, Utc};
use domain::SessionId;
use domain::refresh_token::RefreshToken;
use secrecy::ExposeSecret;
use serde::Serialize;
use store::sessions::NewSession;
use store::users::User;
use web::{ApiError, ClientInfo, UserView};

/// The response to a sign-up or a login.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct NewSessionView {
    message: &'static str,
    token: String,
    refresh_token: String,
    /// The lifetime of the access token, in seconds.
    expires_in: u64,
    user: UserView,
}

/// A session that is not stored yet: [`Self::session`] goes to the store, then [`Self::into_view`]
/// to the client.
pub(crate) struct SessionDraft {
    id: SessionId,
    refresh_token: RefreshToken,
    refresh_token_hash: Vec<u8>,
    client: ClientInfo,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl SessionDraft {
    /// A session for `client` that starts at `now`.
    pub(crate) fn new(app: &AppState, client: ClientInfo, now: DateTime<Utc>) -> Self {
        let id = SessionId::new(now);
        let key = app.config.jwt_secret.expose_secret().as_bytes();
        let refresh_token = RefreshToken::generate(id, key, &mut rng());
        Self::with_token(app, id, refresh_token, client, now)
    }

    /// The session of a sign-up, whose tokens a repetition can derive again.
    pub(crate) fn first(app: &AppState, id: SessionId, client: ClientInfo, now: DateTime<Utc>) -> Self {
        let key = app.config.jwt_secret.expose_secret().as_bytes();
        Self::with_token(app, id, RefreshToken::first(id, key), client, now)
    }

    /// A session that is stored already, with its current `refresh_token`.
    pub(crate) fn with_token(
        app: &AppState,
        id: SessionId,
        refresh_token: RefreshToken,
        client: ClientInfo,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            refresh_token_hash: refresh_token.hash(),
            refresh_token,
            client,
            now,
            expires_at: now + app.config.refresh_lifetime,
        }
    }

    /// The session to insert.
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

    /// The response to `user`, once the session is stored.
    pub(crate) fn into_view(
        self,
        app: &AppState,
        user: User,
        message: &'static str,
    ) -> Result<NewSessionView, ApiError> {
        let tokens = app.tokens()?;
        Ok(NewSessionView {
            message,
            token: tokens.issue(user.id, self.id, self.now).map_err(ApiError::internal)?,
            refresh_token: self.refresh_token.expose().to_owned(),
            expires_in: tokens.lifetime().as_secs(),
            user: user.into(),
        })
    }
}
