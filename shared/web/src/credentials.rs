//! [`Credentials`]: what a long response needs to check its caller again.

use std::convert::Infallible;

use app::AppState;
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use crate::middleware::{RequestLimits, check_session, verify_token};
use crate::{ApiError, Caller};

/// The token of a request. The middleware has checked it before the handler runs; a handler that
/// streams for minutes checks it again and again.
#[derive(Clone)]
pub struct Credentials(HeaderMap);

impl Credentials {
    /// Checks the token, the session and the account now. Charges no limit.
    ///
    /// # Errors
    /// 401 if the token has expired or the session has ended, 403 if the account is suspended, 503 if
    /// that cannot be checked.
    pub async fn check(&self, app: &AppState) -> Result<Caller, ApiError> {
        match verify_token(app, &self.0, app.clock.now()) {
            Ok(claim) => {
                let limits = RequestLimits::new(app, String::new());
                check_session(&limits, &claim).await.0.caller()
            }
            Err(refused) => refused.caller(),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Credentials {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let values = parts.headers.get_all(AUTHORIZATION).iter();
        Ok(Self(values.map(|value| (AUTHORIZATION, value.clone())).collect()))
    }
}
