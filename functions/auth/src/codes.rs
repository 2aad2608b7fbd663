//! Sending and using one-time codes, the same for every purpose.

use app::{App, OtpDelivery, rng};
use axum::http::StatusCode;
use domain::MobileNumber;
use domain::otp::{LIFETIME_SECONDS, Otp, Purpose, RESEND_SECONDS};
use garde::Validate;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use web::ApiError;

/// A request for a code.
#[derive(Debug, Deserialize, Validate)]
pub(crate) struct SendCode {
    #[serde(default)]
    #[garde(dive)]
    pub(crate) mobile_number: MobileNumber,
}

/// The answer to it, the same whether or not the number has an account.
#[derive(Debug, Serialize)]
pub(crate) struct CodeSent {
    message: &'static str,
    expires_in: u32,
    resend_in: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    otp: Option<String>,
}

/// Makes a code for `purpose`, keeps it and sends it to `number`.
pub(crate) async fn send(app: &App, purpose: Purpose, number: &MobileNumber) -> Result<CodeSent, ApiError> {
    // Each code is five guesses: so many a day are as good as none. Counted before anything else, the same for every number.
    let verdict = app.redis.take(&format!("otp:{number}"), app.config.codes_per_number).await?;
    if let Some(wait) = verdict.retry_after {
        let detail = "too many codes were sent to this number; wait for as long as Retry-After says";
        return Err(
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, "code_limit_reached", detail).retry_after(wait)
        );
    }
    let code = Otp::generate(&mut rng());
    if let Some(wait) = app.redis.keep_code(purpose, number, &hash(app, purpose, number, &code)).await? {
        let detail = "a code was sent a moment ago; wait for as long as Retry-After says";
        return Err(
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, "code_sent_recently", detail).retry_after(wait)
        );
    }
    let otp = match app.config.otp_delivery {
        OtpDelivery::Response => Some(code.as_str().to_owned()),
    };
    Ok(CodeSent {
        message: "If the number can receive one, a code is on its way",
        expires_in: LIFETIME_SECONDS,
        resend_in: RESEND_SECONDS,
        otp,
    })
}

/// Uses `code` up.
///
/// # Errors
/// [`refused`] when it is not the one that was sent.
pub(crate) async fn redeem(
    app: &App,
    purpose: Purpose,
    number: &MobileNumber,
    code: &Otp,
) -> Result<(), ApiError> {
    let right = app.redis.use_code(purpose, number, &hash(app, purpose, number, code)).await?;
    if right { Ok(()) } else { Err(refused()) }
}

/// The one answer to a code that does not do, for whatever reason.
pub(crate) fn refused() -> ApiError {
    let why = "otp: is wrong, has expired or was used already";
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_code", why).with("errors", [why])
}

fn hash(app: &App, purpose: Purpose, number: &MobileNumber, code: &Otp) -> String {
    code.keyed_hash(app.config.jwt_secret.expose_secret().as_bytes(), purpose, number)
}
