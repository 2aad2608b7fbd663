//! `POST /api/auth/forgot-password`.

use app::App;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::otp::Purpose;
use web::{ApiError, ClientInfo, Valid, success};

use crate::codes::{self, SendCode};

/// Sends a code to set a new password with. A number without an account gets the same answer, and a code that sets none.
pub(crate) async fn handle(
    State(app): State<App>,
    client: ClientInfo,
    Valid(input): Valid<SendCode>,
) -> Result<impl IntoResponse, ApiError> {
    Ok(success(codes::send(&app, &client, Purpose::ResetPassword, &input.mobile_number).await?))
}
