//! Sends a code for a password reset.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::AccountNumber;
use domain::otp::Purpose;
use garde::Validate;
use serde::Deserialize;
use web::{ApiError, ClientInfo, Valid, success};

use crate::one_time_codes::{self, SendCode, SentCodeView};

/// The request for a code, as [`SendCode`], but for a number that an account may be stored with.
#[derive(Debug, Deserialize, Validate)]
pub(crate) struct SendResetCode {
    #[serde(default)]
    #[garde(dive)]
    mobile_number: AccountNumber,
}

/// Sends a one-time code for a password reset. A number without an account gets the same response,
/// with a code that is invalid.
#[utoipa::path(
    post, path = "/api/auth/forgot-password",
    request_body = SendCode,
    responses(
        (status = 200, description = "A code is sent if the number can receive one.", body = SentCodeView),
        (status = 429, description = "`code_limit_reached`, `code_sent_recently`, `rate_limited`: Too many codes or too many requests."),
        (status = 503, description = "`sms_paused`, `unavailable`: An operator has paused text messages, or a dependency does not respond."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    client: ClientInfo,
    Valid(input): Valid<SendResetCode>,
) -> Result<impl IntoResponse, ApiError> {
    let number = &input.mobile_number;
    Ok(success(one_time_codes::send_code(&app, &client, Purpose::ResetPassword, number).await?))
}
