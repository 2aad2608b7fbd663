//! `POST /api/auth/verify-signup-otp`.

use std::sync::Arc;

use app::AppState;
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
use crate::sign_in::{SignIn, SignedIn};

#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct SignUp {
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    mobile_number: MobileNumber,
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    otp: Otp,
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    name: Text<2, 100>,
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    password: NewPassword,
}

/// Opens an account with the code that was sent, and signs in. That a number has an account already looks like a wrong
/// code.
#[utoipa::path(
    post, path = "/api/auth/verify-signup-otp", operation_id = "verify_signup_otp", tag = "Auth",
    request_body = SignUp,
    responses(
        (status = 201, description = "The account is open.", body = SignedIn),
        (status = 400, description = "`invalid_code`, `validation_failed`, `malformed_request`: The code does not do, or fields are wrong."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
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
        name: input.name.trim(),
        password_hash: &password_hash,
    };
    let user = users::insert_with_session(&db, user, &sign_in.session()).await.map_err(|error| {
        if error.is_conflict_on("users_mobile_number_key") { codes::refused() } else { error.into() }
    })?;
    passwords::remember(&app, sign_in.client(), &user.mobile_number).await;
    Ok((StatusCode::CREATED, success(sign_in.answer(&app, user, "Account created")?)))
}
