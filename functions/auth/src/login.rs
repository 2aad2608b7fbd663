//! `POST /api/auth/login`.

use app::App;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::MobileNumber;
use domain::password::Password;
use garde::Validate;
use serde::Deserialize;
use store::users::Credentials;
use store::{sessions, users};
use web::{ApiError, ClientInfo, Valid, success};

use crate::passwords;
use crate::sign_in::SignIn;

#[derive(Debug, Default, Deserialize, Validate)]
#[serde(default)]
pub(crate) struct Login {
    #[garde(dive)]
    mobile_number: MobileNumber,
    #[garde(dive)]
    password: Password,
}

/// Signs in. An unknown number and a wrong password are one answer, after the same work.
pub(crate) async fn handle(
    State(app): State<App>,
    client: ClientInfo,
    Valid(input): Valid<Login>,
) -> Result<impl IntoResponse, ApiError> {
    let wrong = || ApiError::wrong_credentials("mobile number and password do not go together");
    let found = users::find_credentials_by_number(&app.db().await?, &input.mobile_number).await?;
    let hash = found.as_ref().map(|found| found.password_hash.clone());
    let matched = passwords::matches(input.password, hash).await?;
    let Credentials { user, password_hash } = found.filter(|_| matched).ok_or_else(wrong)?;
    let sign_in = SignIn::new(&app, client, app.clock.now());
    // Not begun when the password was changed while it was being checked.
    if !sessions::insert(&app.db().await?, user.id, &password_hash, &sign_in.session()).await? {
        return Err(wrong());
    }
    Ok(success(sign_in.answer(&app, user, "Logged in")?))
}
