//! Sets a new password with a one-time code.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::MobileNumber;
use domain::otp::{Otp, Purpose};
use domain::password::NewPassword;
use garde::Validate;
use serde::Deserialize;
use services::passwords;
use store::users::credentials;
use web::{ApiError, ClientInfo, MessageResponse, Valid, success};

use crate::one_time_codes::{self, AuthorizedPassword, PasswordWithCode};

/// The one-time code and the new password.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct ResetPassword {
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
    new_password: NewPassword,
}

/// Sets a new password with a one-time code and ends every session of the user. A number without an
/// account gets the same response as a wrong code.
#[utoipa::path(
    post, path = "/api/auth/reset-password",
    request_body = ResetPassword,
    responses(
        (status = 200, description = "The password is set and every session has ended.", body = MessageResponse),
        (status = 400, description = "`invalid_code`, `validation_failed`, `malformed_request`: The code or another field is invalid."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    client: ClientInfo,
    Valid(input): Valid<ResetPassword>,
) -> Result<impl IntoResponse, ApiError> {
    let number = &input.mobile_number;
    let password = PasswordWithCode { field: "new_password", password: input.new_password, code: &input.otp };
    let AuthorizedPassword { hash, code_issued_at, mut db } =
        one_time_codes::redeem_for_password(&app, &client, Purpose::ResetPassword, number, password).await?;
    let now = app.clock.now();
    let ended = credentials::update_password_by_number(&mut db, number, &hash, code_issued_at, now).await?;
    drop(db);
    services::sessions::invalidate(&app, &ended.ok_or_else(one_time_codes::invalid_code)?).await;
    passwords::clear_attempts(&app, &client.origin(), number.as_str()).await;
    Ok(success(MessageResponse { message: "Password set; sign in with it" }))
}
