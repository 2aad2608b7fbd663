//! `POST /api/auth/change-password`.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::password::{NewPassword, Password};
use garde::Validate;
use serde::Deserialize;
use store::users;
use web::{ApiError, Caller, ClientInfo, MessageResponse, Valid, passwords, success};

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

/// Changes the password of whoever knows the current one, and ends every other session.
#[utoipa::path(
    post, path = "/api/auth/change-password", operation_id = "change_password", tag = "Auth",
    security(("token" = [])),
    request_body = ChangePassword,
    responses(
        (status = 200, description = "The password is changed; every other session has ended.", body = MessageResponse),
        (status = 401, description = "`invalid_credentials`, `not_authenticated`: The current password is another, or there is no token that opens anything."),
        (status = 429, description = "`too_many_attempts`, `rate_limited`: Too many wrong passwords, or requests."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    client: ClientInfo,
    Valid(input): Valid<ChangePassword>,
) -> Result<impl IntoResponse, ApiError> {
    let wrong = || ApiError::wrong_credentials("current_password: is not the password of this account");
    let found = users::find_credentials(&app.db().await?, caller.user_id).await?;
    let account = found.ok_or_else(wrong)?;
    let (number, old_hash) = (&account.user.mobile_number, account.password_hash);
    passwords::refuse_number("new_password", &input.new_password, &number.as_str().into())?;
    passwords::check(
        &app,
        &client,
        &caller.password_attempts_key(),
        input.current_password,
        Some(old_hash.clone()),
    )
    .await?
    .ok_or_else(wrong)?;
    let new_hash = passwords::hash(input.new_password).await?;
    let (mut db, now) = (app.db().await?, app.clock.now());
    let changed =
        users::change_password(&mut db, caller.user_id, caller.session_id, &old_hash, &new_hash, now).await?;
    drop(db);
    // Not changed when another request has changed it meanwhile: then the current password was not the current one.
    app.forget_sessions(&changed.ok_or_else(wrong)?).await;
    Ok(success(MessageResponse { message: "Password changed; other devices are signed out" }))
}
