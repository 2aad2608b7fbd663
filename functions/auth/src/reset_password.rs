//! Sets a new password with a one-time code.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::otp::{Otp, Purpose};
use domain::password::NewPassword;
use domain::{AccountNumber, MobileNumber, SessionId};
use garde::Validate;
use serde::Deserialize;
use services::passwords;
use store::Client;
use store::users::credentials;
use web::{ApiError, ClientInfo, Execution, MessageResponse, Operation, Valid, success};

use crate::one_time_codes::{self, AuthorizedPassword, PasswordWithCode};

/// The one-time code and the new password.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct ResetPassword {
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    mobile_number: AccountNumber,
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
        (status = 403, description = "`account_suspended`: The code is right, but an operator has suspended the account."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    client: ClientInfo,
    operation: Operation,
    Valid(input): Valid<ResetPassword>,
) -> Result<impl IntoResponse, ApiError> {
    operation.once(&app, |execution| reset(&app, &client, &input, execution)).await?;
    Ok(success(MessageResponse { message: "Password set; sign in with it" }))
}

async fn reset(
    app: &AppState,
    client: &ClientInfo,
    input: &ResetPassword,
    execution: Execution,
) -> Result<(), ApiError> {
    let (number, new_password) = (&input.mobile_number, &input.new_password);
    let password = PasswordWithCode {
        field: "new_password",
        password: new_password.clone(),
        code: &input.otp,
        operation: execution.id,
    };
    let AuthorizedPassword { hash, code_issued_at, mut db } =
        one_time_codes::redeem_for_password(app, client, Purpose::ResetPassword, number, password).await?;
    let now = app.clock.now();
    let ended = credentials::update_password_by_number(&mut db, number, &hash, code_issued_at, now).await?;
    let ended = match ended {
        Some(ended) => ended,
        None => explain(&db, number, new_password, execution).await?,
    };
    drop(db);
    services::sessions::invalidate(app, &ended).await;
    passwords::clear_attempts(app, &client.origin(), number.as_str()).await;
    Ok(())
}

/// Why no password was set. No error if an interrupted execution redeemed this code and has set this
/// password, which ended the sessions.
async fn explain(
    db: &Client,
    number: &MobileNumber,
    new_password: &NewPassword,
    execution: Execution,
) -> Result<Vec<SessionId>, ApiError> {
    let Some(account) = credentials::find_by_number(db, number).await? else {
        return Err(one_time_codes::invalid_code());
    };
    // The code was right, so the client has the number.
    if account.is_suspended {
        return Err(ApiError::account_suspended());
    }
    if execution.is_retry && passwords::is_hash_of(new_password.clone(), account.password_hash).await? {
        return Ok(Vec::new());
    }
    Err(one_time_codes::invalid_code())
}
