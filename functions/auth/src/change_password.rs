//! `POST /api/auth/change-password`.

use app::App;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::password::{NewPassword, Password};
use garde::Validate;
use serde::Deserialize;
use serde_json::json;
use store::users;
use web::{ApiError, Caller, Valid, success};

use crate::passwords;

#[derive(Debug, Default, Deserialize, Validate)]
#[serde(default)]
pub(crate) struct ChangePassword {
    #[garde(dive)]
    current_password: Password,
    #[garde(dive)]
    new_password: NewPassword,
}

/// Changes the password of whoever knows the current one, and ends every other session.
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    Valid(input): Valid<ChangePassword>,
) -> Result<impl IntoResponse, ApiError> {
    let wrong = || ApiError::wrong_credentials("current_password: is not the password of this account");
    let found = users::find_credentials(&app.db().await?, caller.user_id).await?;
    let old_hash = found.map(|found| found.password_hash).ok_or_else(wrong)?;
    if !passwords::matches(input.current_password, Some(old_hash.clone())).await? {
        return Err(wrong());
    }
    let new_hash = passwords::hash(input.new_password).await?;
    let (db, now) = (app.db().await?, app.clock.now());
    // Not changed when another request has changed it meanwhile: then the current password was not the current one.
    if !users::change_password(&db, caller.user_id, caller.session_id, &old_hash, &new_hash, now).await? {
        return Err(wrong());
    }
    Ok(success(json!({ "message": "Password changed; other devices are signed out" })))
}
