//! `POST /api/auth/reset-password`.

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
use store::users;
use web::{ApiError, ClientInfo, MessageResponse, Valid, success};

use crate::codes;

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

/// Sets a new password with the code that was sent, and ends every session of the person. That a number has no account
/// looks like a wrong code.
#[utoipa::path(
    post, path = "/api/auth/reset-password", operation_id = "reset_password", tag = "Auth",
    request_body = ResetPassword,
    responses(
        (status = 200, description = "The password is set; every session has ended.", body = MessageResponse),
        (status = 400, description = "`invalid_code`, `validation_failed`, `malformed_request`: The code does not do, or fields are wrong."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    client: ClientInfo,
    Valid(input): Valid<ResetPassword>,
) -> Result<impl IntoResponse, ApiError> {
    passwords::reject_mobile_number("new_password", &input.new_password, &input.mobile_number)?;
    let hash = passwords::hash(input.new_password).await?;
    // A code is used up only when there is a connection to use it for.
    let mut db = app.db().await?;
    codes::redeem(&app, Purpose::ResetPassword, &input.mobile_number, &input.otp).await?;
    let ended = users::reset_password(&mut db, &input.mobile_number, &hash, app.clock.now()).await?;
    drop(db);
    services::sessions::invalidate(&app, &ended.ok_or_else(codes::refused)?).await;
    passwords::clear_attempts(&app, &client.origin(), input.mobile_number.as_str()).await;
    Ok(success(MessageResponse { message: "Password set; sign in with it" }))
}
