//! `POST /api/auth/reset-password`.

use app::App;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::MobileNumber;
use domain::otp::{Otp, Purpose};
use domain::password::NewPassword;
use garde::Validate;
use serde::Deserialize;
use store::users;
use web::{ApiError, ClientInfo, Said, Valid, passwords, success};

use crate::codes;

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
    client: ClientInfo,
    Valid(input): Valid<ResetPassword>,
) -> Result<impl IntoResponse, ApiError> {
    passwords::refuse_number("new_password", &input.new_password, &input.mobile_number)?;
    let hash = passwords::hash(input.new_password).await?;
    // A code is used up only when there is a connection to use it for.
    let db = app.db().await?;
    codes::redeem(&app, Purpose::ResetPassword, &input.mobile_number, &input.otp).await?;
    let ended = users::reset_password(&db, &input.mobile_number, &hash, app.clock.now()).await?;
    drop(db);
    app.forget_sessions(&ended.ok_or_else(codes::refused)?).await;
    passwords::forgive(&app, &client, input.mobile_number.as_str()).await;
    Ok(success(Said { message: "Password set; sign in with it" }))
}
