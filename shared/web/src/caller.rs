//! [`Caller`]: the authenticated user, as a handler argument. A handler without one is public.

use std::sync::Arc;

use app::AppState;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use clients::redis::sessions::SessionClaim;
use domain::{Role, SessionId, UserId};
use store::operator_actions::Operator;
use store::sessions;

use crate::{ApiError, ClientInfo};

/// A user whose token and session have been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The user.
    pub user_id: UserId,
    /// The session that the token belongs to.
    pub session_id: SessionId,
}

impl Caller {
    /// The caller as the author of an entry in the audit log of operators, for the request of
    /// `client`.
    #[must_use]
    pub fn operator<'a>(&self, client: &'a ClientInfo) -> Operator<'a> {
        Operator { id: Some(self.user_id), request_id: Some(&client.request_id) }
    }

    /// The name under which wrong passwords of this session are counted. Each session has its own
    /// count, so that wrong passwords in one do not lock the owner out of another.
    #[must_use]
    pub fn password_attempts_key(&self) -> String {
        format!("session:{}", self.session_id)
    }
}

/// A [`Caller`] whose account may be suspended, for what a person may do in any case: export their
/// data, delete the account and sign out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallerOrSuspended(pub Caller);

/// A [`Caller`] with the role `admin`. All others get 403. The role is read for each request, so
/// that revoking it takes effect with the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admin(pub Caller);

/// The outcome of authenticating a request. The middleware stores it as a request extension.
#[derive(Debug, Clone)]
pub(crate) enum Authentication {
    /// The request has no token.
    Absent,
    /// The token is malformed, invalid or expired, or its session has ended.
    Invalid(&'static str),
    /// The session cannot be checked at the moment.
    Unavailable,
    /// Token and session are valid, but the account is suspended.
    Suspended(Caller),
    /// Token and session are valid.
    Valid(Caller),
}

impl Authentication {
    /// The session of the token has ended.
    pub(crate) const SESSION_ENDED: Self = Self::Invalid("the session has ended; sign in again");

    /// The caller.
    ///
    /// # Errors
    /// 401 without a valid token, 403 if the account is suspended, 503 if the session could not be
    /// checked.
    pub(crate) fn caller(&self) -> Result<Caller, ApiError> {
        match self {
            Self::Valid(caller) => Ok(*caller),
            Self::Suspended(_) => Err(ApiError::account_suspended()),
            Self::Invalid(reason) => Err(ApiError::unauthenticated(reason)),
            Self::Absent => {
                Err(ApiError::unauthenticated("send a token in the header Authorization: Bearer <token>"))
            }
            Self::Unavailable => Err(ApiError::unavailable("the session could not be checked")),
        }
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
        parts.extensions.get::<Authentication>().unwrap_or(&Authentication::Unavailable).caller()
    }
}

impl<S: Sync> FromRequestParts<S> for CallerOrSuspended {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        if let Some(Authentication::Suspended(caller)) = parts.extensions.get() {
            return Ok(Self(*caller));
        }
        Caller::from_request_parts(parts, state).await.map(Self)
    }
}

impl FromRequestParts<Arc<AppState>> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<AppState>) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let db = app.db().await?;
        match sessions::find_role(&db, caller.session_id, caller.user_id, app.clock.now()).await? {
            Some(Role::Admin) => Ok(Self(caller)),
            Some(Role::User) => Err(ApiError::forbidden("this requires the role admin")),
            None => Authentication::SESSION_ENDED.caller().map(Self),
        }
    }
}
