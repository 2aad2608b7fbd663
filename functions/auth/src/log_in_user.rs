//! Starts a session with mobile number and password.

use std::sync::Arc;

use app::AppState;
use app::metrics::MetricEvent;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::password::Password;
use domain::{AccountNumber, MobileNumber};
use garde::Validate;
use serde::Deserialize;
use services::passwords::{self, Verified};
use store::users::credentials::{self, Credentials};
use store::{StoreError, sessions};
use web::{ApiError, ClientInfo, Valid, success};

use crate::new_session::{NewSessionView, SessionDraft};

/// The credentials of an account.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct Login {
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    mobile_number: AccountNumber,
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    password: Password,
}

/// Signs in. An unknown number gets the same response as a wrong password, after the same time.
#[utoipa::path(
    post, path = "/api/auth/login",
    request_body = Login,
    responses(
        (status = 200, description = "A session has started.", body = NewSessionView),
        (status = 401, description = "`invalid_credentials`: The mobile number or the password is wrong."),
        (status = 403, description = "`account_suspended`: The password is right, but an operator has suspended the account."),
        (status = 429, description = "`too_many_attempts`, `rate_limited`: Too many wrong passwords, or too many requests."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    client: ClientInfo,
    Valid(input): Valid<Login>,
) -> Result<impl IntoResponse, ApiError> {
    let Login { mobile_number, password } = input;
    // Retries once if the hash changes during the verification. A concurrent login that upgrades an
    // outdated hash changes it, too.
    for _ in 0..2 {
        match attempt_login(&app, &client, &mobile_number, password.clone()).await? {
            LoginAttempt::SignedIn(view) => return Ok(success(view)),
            LoginAttempt::HashChanged => {}
            LoginAttempt::WrongCredentials => break,
        }
    }
    app.metrics.emit(&MetricEvent::LoginRefused);
    Err(ApiError::wrong_credentials("the mobile number or the password is wrong"))
}

enum LoginAttempt {
    SignedIn(NewSessionView),
    /// The password was correct, but another request changed the hash before the session was
    /// stored.
    HashChanged,
    WrongCredentials,
}

async fn attempt_login(
    app: &AppState,
    client: &ClientInfo,
    number: &MobileNumber,
    password: Password,
) -> Result<LoginAttempt, ApiError> {
    let origin = client.origin();
    let (attempt, found) =
        tokio::join!(passwords::count_attempt(app, &origin, number.as_str()), find_credentials(app, number));
    let attempt = attempt?;
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            attempt.refund(app, number.as_str()).await;
            return Err(error.into());
        }
    };
    let hash = found.as_ref().map(|found| found.password_hash.clone());
    let verified = attempt.verify(password, hash).await?;
    let (Some(Verified { upgraded_hash }), Some(Credentials { user, password_hash, is_suspended })) =
        (verified, found)
    else {
        return Ok(LoginAttempt::WrongCredentials);
    };
    if is_suspended {
        passwords::clear_attempts(app, &origin, number.as_str()).await;
        return Err(ApiError::account_suspended());
    }
    let db = app.db().await?;
    let hash = match upgraded_hash {
        Some(new_hash) if credentials::update_hash(&db, user.id, &password_hash, &new_hash).await? => {
            new_hash
        }
        _ => password_hash,
    };
    let draft = SessionDraft::new(app, client.clone(), app.clock.now());
    let session = draft.session();
    let (inserted, ()) = tokio::join!(
        sessions::insert(&db, user.id, &hash, &session),
        passwords::clear_attempts(app, &origin, number.as_str()),
    );
    if !inserted? {
        return Ok(LoginAttempt::HashChanged);
    }
    Ok(LoginAttempt::SignedIn(draft.into_view(app, user, "Logged in")?))
}

async fn find_credentials(app: &AppState, number: &MobileNumber) -> Result<Option<Credentials>, StoreError> {
    credentials::find_by_number(&app.db().await?, number).await
}
