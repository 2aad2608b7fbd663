//! `POST /api/auth/send-signup-otp`.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::otp::Purpose;
use web::{ApiError, ClientInfo, Valid, success};

use crate::codes::{self, CodeSent, SendCode};

/// Sends a code to open an account with. A number that has one gets the same answer, and a code that opens nothing.
#[utoipa::path(
    post, path = "/api/auth/send-signup-otp", operation_id = "send_signup_otp", tag = "Auth",
    request_body = SendCode,
    responses(
        (status = 200, description = "A code is on its way, if the number can receive one.", body = CodeSent),
        (status = 429, description = "`code_limit_reached`, `code_sent_recently`, `rate_limited`: Too many codes or requests."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    client: ClientInfo,
    Valid(input): Valid<SendCode>,
) -> Result<impl IntoResponse, ApiError> {
    Ok(success(codes::send(&app, &client, Purpose::SignUp, &input.mobile_number).await?))
}
