//! Creates an account with a one-time code.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::otp::{Otp, Purpose};
use domain::password::NewPassword;
use domain::{MobileNumber, Text, UserId, quota};
use garde::Validate;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use services::passwords;
use store::users::{self, NewUser};
use web::{ApiError, ClientInfo, Valid, success};

use crate::new_session::{NewSessionView, SessionDraft};
use crate::one_time_codes::{self, AuthorizedPassword, PasswordWithCode};

/// The one-time code and the new account.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct CreateAccount {
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

/// Creates an account with a one-time code and signs in. A number that already has an account gets
/// the same response as a wrong code.
#[utoipa::path(
    post, path = "/api/auth/verify-signup-otp",
    request_body = CreateAccount,
    responses(
        (status = 201, description = "The account is created and a session has started.", body = NewSessionView),
        (status = 400, description = "`invalid_code`, `validation_failed`, `malformed_request`: The code or another field is invalid."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    client: ClientInfo,
    Valid(input): Valid<CreateAccount>,
) -> Result<impl IntoResponse, ApiError> {
    let number = &input.mobile_number;
    let password = PasswordWithCode { field: "password", password: input.password, code: &input.otp };
    let AuthorizedPassword { hash, db, .. } =
        one_time_codes::redeem_for_password(&app, &client, Purpose::SignUp, number, password).await?;
    let now = app.clock.now();
    let draft = SessionDraft::new(&app, client, now);
    let number_hash = quota::number_hash(app.config.jwt_secret.expose_secret().as_bytes(), number.as_str());
    let user = NewUser {
        id: UserId::new(now),
        mobile_number: number,
        name: input.name.trim(),
        password_hash: &hash,
        number_hash: &number_hash,
    };
    let user = users::insert_with_session(&db, user, &draft.session()).await?;
    let user = user.ok_or_else(one_time_codes::invalid_code)?;
    passwords::add_known_network(&app, &draft.client().origin(), &user.mobile_number).await;
    Ok((StatusCode::CREATED, success(draft.into_view(&app, user, "Account created")?)))
}
