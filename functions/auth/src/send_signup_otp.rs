//! `POST /api/auth/send-signup-otp`.

use app::App;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::otp::Purpose;
use web::{ApiError, ClientInfo, Valid, success};

use crate::codes::{self, SendCode};

/// Sends a code to open an account with. A number that has one gets the same answer, and a code that opens nothing.
pub(crate) async fn handle(
    State(app): State<App>,
    client: ClientInfo,
    Valid(input): Valid<SendCode>,
) -> Result<impl IntoResponse, ApiError> {
    Ok(success(codes::send(&app, &client, Purpose::SignUp, &input.mobile_number).await?))
}
