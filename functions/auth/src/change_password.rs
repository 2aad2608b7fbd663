//! Sets a new password for a caller who knows the current one.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::AccountNumber;
use domain::password::{NewPassword, Password};
use garde::Validate;
use serde::Deserialize;
use services::passwords;
use store::users::credentials;
use web::{ApiError, Caller, ClientInfo, MessageResponse, Valid, success};

/// The current password and the new one.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct ChangePassword {
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    current_password: Password,
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    new_password: NewPassword,
}

/// Changes the password and ends every other session. Requires the current password.
#[utoipa::path(
    post, path = "/api/auth/change-password",
    security(("token" = [])),
    request_body = ChangePassword,
    responses(
        (status = 200, description = "The password is changed and every other session has ended.", body = MessageResponse),
        (status = 400, description = "`wrong_password`, `validation_failed`, `malformed_request`: The current password is wrong, or a field is invalid."),
        (status = 429, description = "`too_many_attempts`, `rate_limited`: Too many wrong passwords, or too many requests."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    client: ClientInfo,
    Valid(input): Valid<ChangePassword>,
) -> Result<impl IntoResponse, ApiError> {
    let wrong = || ApiError::wrong_password("current_password: is not the password of this account");
    let found = credentials::find(&app.db().await?, caller.user_id).await?;
    let account = found.ok_or_else(wrong)?;
    let (number, old_hash) = (&account.user.mobile_number, account.password_hash);
    passwords::reject_mobile_number(
        "new_password",
        &input.new_password,
        &AccountNumber::from(number.as_str()),
    )?;
    passwords::verify(
        &app,
        &client.origin(),
        &caller.password_attempts_key(),
        input.current_password,
        Some(old_hash.clone()),
    )
    .await?
    .ok_or_else(wrong)?;
    let new_hash = passwords::hash(input.new_password).await?;
    let (mut db, now) = (app.db().await?, app.clock.now());
    let (user, session) = (caller.user_id, caller.session_id);
    let ended = credentials::update_password(&mut db, user, session, &old_hash, &new_hash, now).await?;
    drop(db);
    // `None` if another request has changed the password meanwhile, so the current password is
    // wrong now.
    services::sessions::invalidate(&app, &ended.ok_or_else(wrong)?).await;
    Ok(success(MessageResponse { message: "Password changed; other devices are signed out" }))
}
