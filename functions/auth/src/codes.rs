//! Sending and using one-time codes, the same for every purpose.

use app::telemetry::chain;
use app::{AppState, OtpDelivery, rng};
use axum::http::StatusCode;
use clients::redis::one_time_codes::StoreCodeOutcome;
use clients::redis::token_bucket::Bucket;
use domain::MobileNumber;
use domain::mobile_number::Unreachable;
use domain::otp::{LIFETIME_SECONDS, Otp, Purpose, RESEND_SECONDS};
use garde::Validate;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use store::users;
use tracing::{info, warn};
use web::{ApiError, ClientInfo};

/// A request for a code.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct SendCode {
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    pub(crate) mobile_number: MobileNumber,
}

/// The answer to it, the same whether or not the number has an account.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CodeSent {
    message: &'static str,
    /// How long the code can be used, in seconds.
    expires_in: u32,
    /// When another can be asked for, in seconds.
    resend_in: u32,
    /// The code itself, where `OTP_DELIVERY` is `response`: never in production.
    #[serde(skip_serializing_if = "Option::is_none")]
    otp: Option<String>,
}

/// Makes a code for `purpose`, keeps it and sends it to `number`.
pub(crate) async fn send(
    app: &AppState,
    client: &ClientInfo,
    purpose: Purpose,
    number: &MobileNumber,
) -> Result<CodeSent, ApiError> {
    let fixed = app.config.codes.test_numbers.iter().find(|test| test.number == *number);
    number.reachable(&app.config.codes.countries).or_else(|why| match fixed {
        Some(_) => Ok(()),
        None => Err(not_reachable(why)),
    })?;
    let code = fixed.map_or_else(|| Otp::generate(&mut rng()), |test| test.code.clone());
    let hash = hash(app, purpose, number, &code);
    let charged = limits(app, client, number, fixed.is_some());
    match app.redis.store_code(purpose, number, &hash, &charged).await? {
        StoreCodeOutcome::Stored => {}
        StoreCodeOutcome::SentRecently(wait) => {
            let detail = "a code was sent a moment ago; wait for as long as Retry-After says";
            return Err(too_many("code_sent_recently", detail).retry_after(wait));
        }
        StoreCodeOutcome::RateLimited(wait) => {
            warn!(client.address, "too many codes are asked for");
            let detail = "too many codes were asked for; wait for as long as Retry-After says";
            return Err(too_many("code_limit_reached", detail).retry_after(wait));
        }
    }
    if fixed.is_none()
        && let Err(error) = deliver(app, purpose, number, &code).await
    {
        if let Err(error) = app.redis.delete_code(purpose, number, &charged).await {
            warn!(error = chain(&error), "a code that was not sent stands in the way of the next");
        }
        return Err(error);
    }
    let shown = fixed.is_none() && app.config.codes.delivery == OtpDelivery::Response;
    Ok(CodeSent {
        message: "If the number can receive one, a code is on its way",
        expires_in: LIFETIME_SECONDS,
        resend_in: RESEND_SECONDS,
        otp: shown.then(|| code.as_str().to_owned()),
    })
}

/// What a code is charged to. One that is not sent costs nothing, but is five guesses all the same.
fn limits(app: &AppState, client: &ClientInfo, number: &MobileNumber, is_test: bool) -> Vec<Bucket> {
    let codes = &app.config.codes;
    let mut buckets = vec![
        Bucket::new(format!("otp:{number}"), codes.per_number),
        Bucket::new(format!("otp:from:{}", client.network()), codes.per_address),
    ];
    if !is_test {
        buckets.push(Bucket::new(format!("otp:block:{}", number.block()), codes.per_block));
        buckets.push(Bucket::new("otp:total", codes.total));
    }
    buckets
}

/// Sends the code by text message, where it does not go into the answer. Whoever has the telephone is told in each case, so
/// that each costs the same time: a code where it will open something, else why there is none.
async fn deliver(
    app: &AppState,
    purpose: Purpose,
    number: &MobileNumber,
    code: &Otp,
) -> Result<(), ApiError> {
    if app.config.codes.delivery == OtpDelivery::Response {
        return Ok(());
    }
    let is_known = users::find_credentials_by_number(&app.db().await?, number).await?.is_some();
    let code = code.as_str();
    let text = match (purpose, is_known) {
        (Purpose::SignUp, false) => {
            format!("{code} is your code to open an account. It is good for 5 minutes. Give it to nobody.")
        }
        (Purpose::SignUp, true) => {
            "Somebody asked to open an account with this number, which has one. If it was \
             you: log in, or set a new password."
                .to_owned()
        }
        (Purpose::ResetPassword, true) => {
            format!("{code} is your code to set a new password. It is good for 5 minutes. Give it to nobody.")
        }
        (Purpose::ResetPassword, false) => {
            "Somebody asked to set a new password for this number, which has no \
             account. If it was you: sign up."
                .to_owned()
        }
    };
    app.sms()?.send(number, &text).await.map_err(ApiError::unavailable)
}

/// Uses `code` up.
///
/// # Errors
/// [`refused`] when it is not the one that was sent.
pub(crate) async fn redeem(
    app: &AppState,
    purpose: Purpose,
    number: &MobileNumber,
    code: &Otp,
) -> Result<(), ApiError> {
    let right = app.redis.redeem_code(purpose, number, &hash(app, purpose, number, code)).await?;
    info!(purpose = purpose.as_str(), right, "a code was looked at");
    if right { Ok(()) } else { Err(refused()) }
}

/// The one answer to a code that does not do, for whatever reason.
pub(crate) fn refused() -> ApiError {
    let why = "otp: is wrong, has expired or was used already";
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_code", why).with("errors", [why])
}

fn not_reachable(why: Unreachable) -> ApiError {
    let why = match why {
        Unreachable::NotMobile => "must be the number of a mobile phone",
        Unreachable::NotServed => "numbers of this country are not served",
    };
    ApiError::invalid(vec![format!("mobile_number: {why}")])
}

fn too_many(code: &'static str, detail: &'static str) -> ApiError {
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, code, detail)
}

fn hash(app: &AppState, purpose: Purpose, number: &MobileNumber, code: &Otp) -> String {
    code.keyed_hash(app.config.jwt_secret.expose_secret().as_bytes(), purpose, number)
}
