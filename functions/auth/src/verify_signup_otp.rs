//! `POST /api/auth/verify-signup-otp`.

use app::App;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::otp::{Otp, Purpose};
use domain::password::NewPassword;
use domain::{MobileNumber, Text, UserId};
use garde::Validate;
use serde::Deserialize;
use store::users::{self, NewUser};
use web::{ApiError, ClientInfo, Valid, passwords, success};

use crate::codes;
use crate::sign_in::SignIn;

#[derive(Debug, Default, Deserialize, Validate)]
#[serde(default)]
pub(crate) struct SignUp {
    #[garde(dive)]
    mobile_number: MobileNumber,
    #[garde(dive)]
    otp: Otp,
    #[garde(dive)]
    name: Text<2, 100>,
    #[garde(dive)]
    password: NewPassword,
}

/// Opens an account with the code that was sent, and signs in. That a number has an account already looks like a wrong
/// code.
pub(crate) async fn handle(
    State(app): State<App>,
    client: ClientInfo,
    Valid(input): Valid<SignUp>,
) -> Result<impl IntoResponse, ApiError> {
    passwords::refuse_number("password", &input.password, &input.mobile_number)?;
    let password_hash = passwords::hash(input.password).await?;
    // A code is used up only when there is a connection to use it for.
    let db = app.db().await?;
    codes::redeem(&app, Purpose::SignUp, &input.mobile_number, &input.otp).await?;
    let now = app.clock.now();
    let sign_in = SignIn::new(&app, client, now);
    let user = NewUser {
        id: UserId::new(now),
        mobile_number: &input.mobile_number,
        name: input.name.trimmed(),
        password_hash: &password_hash,
    };
    let user = users::insert_with_session(&db, user, &sign_in.session()).await.map_err(|error| {
        if error.is_conflict_on("users_mobile_number_key") { codes::refused() } else { error.into() }
    })?;
    Ok((StatusCode::CREATED, success(sign_in.answer(&app, user, "Account created")?)))
}
