//! `POST /api/auth/login`.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::MobileNumber;
use domain::password::Password;
use garde::Validate;
use serde::Deserialize;
use services::passwords::{self, Verified};
use store::users::Credentials;
use store::{StoreError, sessions, users};
use web::{ApiError, ClientInfo, Valid, success};

use crate::sign_in::{SignIn, SignedIn};

#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct Login {
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    mobile_number: MobileNumber,
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    password: Password,
}

/// Signs in. An unknown number and a wrong password are one answer, after the same work.
#[utoipa::path(
    post, path = "/api/auth/login", operation_id = "login", tag = "Auth",
    request_body = Login,
    responses(
        (status = 200, description = "A session has begun.", body = SignedIn),
        (status = 401, description = "`invalid_credentials`: Number and password do not go together."),
        (status = 429, description = "`too_many_attempts`, `rate_limited`: Too many wrong passwords, or requests."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    client: ClientInfo,
    Valid(input): Valid<Login>,
) -> Result<impl IntoResponse, ApiError> {
    let Login { mobile_number: number, password } = input;
    let origin = client.origin();
    // Once more where the hash was changed while it was looked at, as it is by the login beside this one which upgrades it.
    for _ in 0..2 {
        let (attempt, found) =
            tokio::join!(passwords::count_attempt(&app, &origin, number.as_str()), find(&app, &number));
        let attempt = attempt?;
        if found.is_err() {
            passwords::refund_attempt(&app, &origin, number.as_str()).await;
        }
        let found = found?;
        let hash = found.as_ref().map(|found| found.password_hash.clone());
        let verified = attempt.verify(password.clone(), hash).await?;
        let (Some(Verified { upgraded_hash }), Some(Credentials { user, password_hash })) = (verified, found)
        else {
            break;
        };
        let db = app.db().await?;
        let hash = match upgraded_hash {
            Some(better) if users::replace_hash(&db, user.id, &password_hash, &better).await? => better,
            _ => password_hash,
        };
        let sign_in = SignIn::new(&app, client.clone(), app.clock.now());
        let session = sign_in.session();
        let (inserted, ()) = tokio::join!(
            sessions::insert(&db, user.id, &hash, &session),
            passwords::clear_attempts(&app, &origin, number.as_str()),
        );
        if inserted? {
            return Ok(success(sign_in.answer(&app, user, "Logged in")?));
        }
    }
    Err(ApiError::wrong_credentials("mobile number and password do not go together"))
}

async fn find(app: &AppState, number: &MobileNumber) -> Result<Option<Credentials>, StoreError> {
    users::find_credentials_by_number(&app.db().await?, number).await
}
