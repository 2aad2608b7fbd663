//! `POST /api/auth/refresh`.

use std::sync::Arc;

use app::{AppState, rng};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::refresh_token::RefreshToken;
use garde::Validate;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use services::passwords;
use store::sessions::{self, Refresh, Refreshed};
use tracing::warn;
use web::{ApiError, ClientInfo, Valid, success};

#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct RefreshSession {
    #[serde(default)]
    #[schema(required = true)]
    #[schema(value_type = String)]
    #[garde(custom(is_there))]
    refresh_token: SecretString,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde calls it so")]
fn is_there(token: &SecretString, (): &()) -> garde::Result {
    if token.expose_secret().is_empty() { Err(garde::Error::new("is required")) } else { Ok(()) }
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Renewed {
    message: &'static str,
    token: String,
    refresh_token: String,
    /// How long the token lasts, in seconds.
    expires_in: u64,
}

/// Replaces both tokens of a session. A refresh token is good for once: whoever brings one that was replaced already has
/// stolen it, or has had it stolen, and the session ends for both.
#[utoipa::path(
    post, path = "/api/auth/refresh", operation_id = "refresh", tag = "Auth",
    request_body = RefreshSession,
    responses(
        (status = 200, description = "The session goes on with these.", body = Renewed),
        (status = 401, description = "`invalid_refresh_token`: It was used before, has expired, or its session has ended."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    client: ClientInfo,
    Valid(input): Valid<RefreshSession>,
) -> Result<impl IntoResponse, ApiError> {
    let key = app.config.jwt_secret.expose_secret().as_bytes();
    let previous = app.config.jwt_previous_secret.iter().map(|secret| secret.expose_secret().as_bytes());
    let keys: Vec<&[u8]> = std::iter::once(key).chain(previous).collect();
    let (session, old) =
        RefreshToken::parse(input.refresh_token.expose_secret(), &keys).ok_or_else(refused)?;
    let (now, next) = (app.clock.now(), RefreshToken::generate(session, key, &mut rng()));
    let refresh = Refresh {
        session,
        old_hash: &old.hash(),
        new_hash: &next.hash(),
        address: Some(&client.address),
        user_agent: client.user_agent.as_deref(),
        now,
        expires_at: now + app.config.refresh_lifetime,
    };
    let refreshed = sessions::refresh(&app.db().await?, refresh).await?;
    let user = match refreshed {
        Refreshed::Renewed { user, mobile_number } => {
            passwords::remember_network(&app, &client.origin(), &mobile_number).await;
            user
        }
        Refreshed::Replayed { user } => {
            warn!(user.id = %user, session.id = %session, "a refresh token came twice; its session is ended");
            services::sessions::invalidate(&app, &[session]).await;
            return Err(refused());
        }
        Refreshed::Unknown => return Err(refused()),
    };
    let tokens = app.tokens()?;
    Ok(success(Renewed {
        message: "Session renewed",
        token: tokens.issue(user, session, now).map_err(ApiError::internal)?,
        refresh_token: next.expose().to_owned(),
        expires_in: tokens.lifetime().as_secs(),
    }))
}

/// One answer whatever is wrong with it.
fn refused() -> ApiError {
    let detail = "the refresh token opens nothing: it was used before, has expired, or its session has ended";
    ApiError::new(StatusCode::UNAUTHORIZED, "invalid_refresh_token", detail)
}
