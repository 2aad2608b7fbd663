//! Replaces the access token and the refresh token of a session.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::refresh_token::{REPETITION_INTERVAL, REUSE_INTERVAL, RefreshToken};
use domain::{AccountNumber, SessionId, UserId};
use garde::Validate;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use services::passwords;
use store::sessions::{self, RotationOutcome, TokenRotation};
use tracing::warn;
use web::{ApiError, ClientInfo, Execution, Operation, Valid, success};

/// The refresh token of a session.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct RefreshSession {
    #[serde(default)]
    #[schema(required = true)]
    #[schema(value_type = String)]
    #[garde(custom(is_not_empty))]
    refresh_token: SecretString,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde requires this signature")]
fn is_not_empty(token: &SecretString, (): &()) -> garde::Result {
    if token.expose_secret().is_empty() { Err(garde::Error::new("is required")) } else { Ok(()) }
}

/// The new tokens of a session.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct RefreshedSessionView {
    message: &'static str,
    token: String,
    refresh_token: String,
    /// The lifetime of the access token, in seconds.
    expires_in: u64,
}

/// Replaces both tokens of a session. A replaced refresh token gets the same successor for 10
/// seconds, or for 60 in a repetition with the same `Idempotency-Key`, because a response may be
/// lost. Sent later, or after its successor was used, it ends the session.
#[utoipa::path(
    post, path = "/api/auth/refresh",
    request_body = RefreshSession,
    responses(
        (status = 200, description = "The new tokens of the session.", body = RefreshedSessionView),
        (status = 401, description = "`invalid_refresh_token`: The token was replaced more than 10 seconds ago, has expired, or its session has ended."),
        (status = 403, description = "`account_suspended`: The token is valid, but an operator has suspended the account."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    client: ClientInfo,
    operation: Operation,
    Valid(input): Valid<RefreshSession>,
) -> Result<impl IntoResponse, ApiError> {
    let (session, old) = parse_token(&app, &input).ok_or_else(invalid_token)?;
    let key = app.config.jwt_secret.expose_secret().as_bytes();
    let (now, next) = (app.clock.now(), old.successor(session, key));
    let (old_hash, new_hash) = (old.hash(), next.hash());
    let rotation = |is_repetition| TokenRotation {
        session,
        old_hash: &old_hash,
        new_hash: &new_hash,
        address: Some(&client.address),
        user_agent: client.user_agent.as_deref(),
        now,
        expires_at: now + app.config.refresh_lifetime,
        repeatable_since: now - if is_repetition { REPETITION_INTERVAL } else { REUSE_INTERVAL },
    };
    let execute = |execution: Execution| rotate(&app, &client, rotation(execution.is_retry));
    let mut user = operation.once(&app, execute).await?;
    if operation.is_replay() {
        // The receipt does not tell whether the token was used or stolen since.
        user = rotate(&app, &client, rotation(true)).await?;
    }
    let tokens = app.tokens()?;
    Ok(success(RefreshedSessionView {
        message: "Session renewed",
        token: tokens.issue(user, session, now).map_err(ApiError::internal)?,
        refresh_token: next.expose().to_owned(),
        expires_in: tokens.lifetime().as_secs(),
    }))
}

/// Stores the successor and returns the owner of the session. Ends the session if the token is
/// reused. A repetition within the reuse interval changes nothing.
async fn rotate(
    app: &AppState,
    client: &ClientInfo,
    rotation: TokenRotation<'_>,
) -> Result<UserId, ApiError> {
    let session = rotation.session;
    // Not inside the match: it would hold the connection while Redis is called.
    let outcome = sessions::rotate_refresh_token(&app.db().await?, rotation).await?;
    match outcome {
        RotationOutcome::Rotated { user, mobile_number } => {
            let number = AccountNumber::from(mobile_number);
            passwords::add_known_network(app, &client.origin(), number.as_str()).await;
            Ok(user)
        }
        RotationOutcome::Reused { user } => {
            warn!(user.id = %user, session.id = %session, "refresh token reused; session ended");
            services::sessions::invalidate(app, &[session]).await;
            Err(invalid_token())
        }
        RotationOutcome::Suspended => Err(ApiError::account_suspended()),
        RotationOutcome::NotFound => Err(invalid_token()),
    }
}

/// Parses the token with the current secret or the previous one.
fn parse_token(app: &AppState, input: &RefreshSession) -> Option<(SessionId, RefreshToken)> {
    let secrets = std::iter::once(&app.config.jwt_secret).chain(&app.config.jwt_previous_secret);
    let keys: Vec<&[u8]> = secrets.map(|secret| secret.expose_secret().as_bytes()).collect();
    RefreshToken::parse(input.refresh_token.expose_secret(), &keys)
}

/// The same problem for every reason, so that it reveals nothing about the token.
fn invalid_token() -> ApiError {
    let detail =
        "the refresh token is invalid: it was replaced, has expired, or its session has ended; sign in again";
    ApiError::new(StatusCode::UNAUTHORIZED, "invalid_refresh_token", detail)
}
