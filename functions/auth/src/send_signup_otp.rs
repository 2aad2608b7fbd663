//! Sends a code for a sign-up.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::otp::Purpose;
use domain::switches::Feature;
use web::{ApiError, ClientInfo, Valid, success};

use crate::one_time_codes::{self, SendCode, SentCodeView};

/// Sends a one-time code for a sign-up. A number that has an account gets the same response, with a
/// code that is invalid.
#[utoipa::path(
    post, path = "/api/auth/send-signup-otp",
    request_body = SendCode,
    responses(
        (status = 200, description = "A code is sent if the number can receive one.", body = SentCodeView),
        (status = 429, description = "`code_limit_reached`, `code_sent_recently`, `rate_limited`: Too many codes or too many requests."),
        (status = 503, description = "`signups_paused`, `sms_paused`, `unavailable`: An operator has paused sign-ups or text messages, or a dependency does not respond."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    client: ClientInfo,
    Valid(input): Valid<SendCode>,
) -> Result<impl IntoResponse, ApiError> {
    app.switches.paused().await.check(Feature::SignUps)?;
    let number = &input.mobile_number;
    Ok(success(one_time_codes::send_code(&app, &client, Purpose::SignUp, number).await?))
}
