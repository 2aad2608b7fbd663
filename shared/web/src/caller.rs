//! [`Caller`]: who is asking, as an argument. A handler without one is public.

use std::sync::Arc;

use app::{AppState, TokenError};
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use clients::redis::sessions::SessionClaim;
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
}

impl Caller {
    /// The name under which their wrong passwords are counted: by session, so that they keep nobody else out.
    #[must_use]
    pub fn guesses(&self) -> String {
        format!("session:{}", self.session_id)
    }
}

/// A [`Caller`] who operates the service. A handler with one is closed to everybody else: 403. The role is looked up for
/// each request, so that it can be taken away from one to the next.
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

impl Authentication {
    /// A token whose session is over.
    pub(crate) const ENDED: Self = Self::Refused("the session has ended");

    /// Who it is.
    ///
    /// # Errors
    /// 401 where there is nobody, 503 where that is not known.
    pub(crate) fn caller(&self) -> Result<Caller, ApiError> {
        match self {
            Self::Known(caller) => Ok(*caller),
            Self::Refused(why) => Err(ApiError::unauthenticated(why)),
            Self::Absent => {
                Err(ApiError::unauthenticated("a token is needed: Authorization: Bearer <token>"))
            }
            Self::Unknown => Err(ApiError::unavailable("the session could not be checked")),
        }
    }
}

/// What the token in `headers` claims: checked by signature and time alone.
///
/// # Errors
/// What the token is, where there is nothing to look up.
pub(crate) fn claimed(
    app: &AppState,
    headers: &HeaderMap,
    now: DateTime<Utc>,
) -> Result<SessionClaim, Authentication> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = values.next() else { return Err(Authentication::Absent) };
    let token = header.to_str().ok().and_then(|text| text.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer") && values.next().is_none());
    let Some((_, token)) = token else {
        return Err(Authentication::Refused("Authorization must be: Bearer <token>"));
    };
    let tokens = app.tokens().map_err(|_| Authentication::Unknown)?;
    match tokens.verify(token.trim(), now) {
        Ok(claims) => {
            let limits = app.config.rate_limits;
            Ok(SessionClaim {
                session: claims.sid,
                user: claims.sub,
                basic: limits.basic,
                pro: limits.pro,
                now,
            })
        }
        Err(TokenError::Expired) => Err(Authentication::Refused("the token has expired")),
        Err(TokenError::Invalid(_)) => Err(Authentication::Refused("the token is not valid")),
    }
}

impl From<&SessionClaim> for Caller {
    fn from(claim: &SessionClaim) -> Self {
        Self { user_id: claim.user, session_id: claim.session }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Authentication>().unwrap_or(&Authentication::Unknown).caller()
    }
}

impl FromRequestParts<Arc<AppState>> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<AppState>) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let db = app.db().await?;
        match sessions::find_role(&db, caller.session_id, caller.user_id, app.clock.now()).await? {
            Some(Role::Admin) => Ok(Self(caller)),
            Some(Role::User) => Err(ApiError::forbidden("only an operator may do this")),
            None => Err(ApiError::unauthenticated("the session has ended")),
        }
    }
}
