//! [`Caller`]: who is asking, as an argument. A handler without one is public.

use app::{App, TokenError};
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use domain::{Role, SessionId, UserId};
use store::sessions;

use crate::ApiError;

/// A person whose token and session have been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The person.
    pub user_id: UserId,
    /// The session that the token belongs to.
    pub session_id: SessionId,
    /// What the person may do beyond their own account, as of this request.
    pub role: Role,
}

/// A [`Caller`] who operates the service. A handler with one is closed to everybody else: 403.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admin(pub Caller);

/// What the guard found out about a request's token.
#[derive(Debug, Clone)]
pub(crate) enum Authentication {
    /// There is none.
    Absent,
    /// There is one, and it opens nothing.
    Refused(&'static str),
    /// Whether it opens anything cannot be told at this moment.
    Unknown,
    /// It is good.
    Known(Caller),
}

/// The person and the session that the token claims to be of: checked by signature and time alone.
fn claimed(
    app: &App,
    headers: &HeaderMap,
    now: DateTime<Utc>,
) -> Result<(UserId, SessionId), Authentication> {
    let Some(header) = headers.get(AUTHORIZATION) else { return Err(Authentication::Absent) };
    let token = header.to_str().ok().and_then(|text| text.split_once(' '));
    let Some((_, token)) = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
        return Err(Authentication::Refused("Authorization must be: Bearer <token>"));
    };
    let tokens = app.tokens().map_err(|_| Authentication::Unknown)?;
    match tokens.verify(token.trim(), now) {
        Ok(claims) => Ok((claims.sub, claims.sid)),
        Err(TokenError::Expired) => Err(Authentication::Refused("the token has expired")),
        Err(TokenError::Invalid(_)) => Err(Authentication::Refused("the token is not valid")),
    }
}

/// What the token in `headers` opens at `now`.
pub(crate) async fn authenticate(app: &App, headers: &HeaderMap, now: DateTime<Utc>) -> Authentication {
    let (user_id, session_id) = match claimed(app, headers, now) {
        Ok(claimed) => claimed,
        Err(authentication) => return authentication,
    };
    let role = async {
        let db = app.db().await?;
        sessions::find_role(&db, session_id, user_id, now).await
    };
    match role.await {
        Ok(Some(role)) => Authentication::Known(Caller { user_id, session_id, role }),
        Ok(None) => Authentication::Refused("the session has ended"),
        Err(error) => {
            tracing::warn!(error = app::telemetry::chain(&error), "a session could not be checked");
            Authentication::Unknown
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match parts.extensions.get::<Authentication>() {
            Some(Authentication::Known(caller)) => Ok(*caller),
            Some(Authentication::Refused(why)) => Err(ApiError::unauthenticated(why)),
            Some(Authentication::Absent) => {
                Err(ApiError::unauthenticated("a token is needed: Authorization: Bearer <token>"))
            }
            Some(Authentication::Unknown) | None => {
                Err(ApiError::unavailable("the session could not be checked"))
            }
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, state).await?;
        match caller.role {
            Role::Admin => Ok(Self(caller)),
            Role::User => Err(ApiError::forbidden("only an operator may do this")),
        }
    }
}
