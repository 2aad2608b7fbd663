//! `POST /api/auth/reset-password`.

use app::App;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::MobileNumber;
use domain::otp::{Otp, Purpose};
use domain::password::NewPassword;
use garde::Validate;
use serde::Deserialize;
use serde_json::json;
use store::users;
use web::{ApiError, Valid, success};

use crate::{codes, passwords};

#[derive(Debug, Default, Deserialize, Validate)]
#[serde(default)]
pub(crate) struct ResetPassword {
    #[garde(dive)]
    mobile_number: MobileNumber,
    #[garde(dive)]
    otp: Otp,
    #[garde(dive)]
    new_password: NewPassword,
}

/// Sets a new password with the code that was sent, and ends every session of the person. That a number has no account
/// looks like a wrong code.
pub(crate) async fn handle(
    State(app): State<App>,
    Valid(input): Valid<ResetPassword>,
) -> Result<impl IntoResponse, ApiError> {
    let hash = passwords::hash(input.new_password).await?;
    // A code is used up only when there is a connection to use it for.
    let db = app.db().await?;
    codes::redeem(&app, Purpose::ResetPassword, &input.mobile_number, &input.otp).await?;
    let known = users::reset_password(&db, &input.mobile_number, &hash, app.clock.now()).await?;
    if !known {
        return Err(codes::refused());
    }
    Ok(success(json!({ "message": "Password set; sign in with it" })))
}
