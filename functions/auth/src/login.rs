//! `POST /api/auth/login`.

use app::App;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::MobileNumber;
use domain::password::Password;
use garde::Validate;
use serde::Deserialize;
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
    let found = users::find_credentials_by_number(&app.db().await?, &input.mobile_number).await?;
    let (user, hash) = found.map(|found| (found.user, found.password_hash)).unzip();
    let matched = passwords::matches(input.password, hash).await?;
    let Some(user) = user.filter(|_| matched) else {
        return Err(ApiError::wrong_credentials("mobile number and password do not go together"));
    };
    let sign_in = SignIn::new(&app, client, app.clock.now());
    sessions::insert(&app.db().await?, user.id, &sign_in.session()).await?;
    Ok(success(sign_in.answer(&app, user, "Logged in")?))
}
