//! Sends and redeems one-time codes, for sign-up and password reset.

use app::metrics::MetricEvent;
use app::telemetry::chain;
use app::{AppState, OtpDelivery, rng};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use clients::redis::one_time_codes::StoreCodeOutcome;
use clients::redis::token_bucket::{Bucket, Limit};
use domain::MobileNumber;
use domain::mobile_number::Unreachable;
use domain::otp::{LIFETIME_SECONDS, Otp, Purpose, RESEND_SECONDS};
use domain::password::NewPassword;
use domain::switches::Feature;
use garde::Validate;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use services::passwords;
use store::Client;
use store::users::credentials;
use tracing::{info, warn};
use uuid::Uuid;
use web::{ApiError, ClientInfo};

// Shares of a limit in percent. "Unknown" are networks from which the number's account has not signed in.

/// Of a number's codes, for one network.
const NETWORK_SHARE: u32 = 40;
/// Of each limit, for all unknown networks together.
const UNKNOWN_SHARE: u32 = 70;
/// Of the codes of a block of numbers, for one unknown network.
const NETWORK_SHARE_OF_BLOCK: u32 = 20;
/// Of the codes of a day, for one unknown network, and the fewest.
const NETWORK_SHARE_OF_DAY: u32 = 5;
const MIN_CODES_OF_NETWORK: u32 = 10;
/// Of the codes of a day, for the unknown networks of one site, and the fewest.
const SITE_SHARE_OF_DAY: u32 = 10;
const MIN_CODES_OF_SITE: u32 = 20;

/// The request for a code.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct SendCode {
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    pub(crate) mobile_number: MobileNumber,
}

/// The response, which is the same whether or not the number has an account.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SentCodeView {
    message: &'static str,
    /// How long the code is valid, in seconds.
    expires_in: u32,
    /// How long to wait before requesting another code, in seconds.
    resend_in: u32,
    /// The code itself, if `OTP_DELIVERY` is `response`, which production does not allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    otp: Option<String>,
}

/// Generates a code for `purpose`, stores its hash and sends it to `number`.
pub(crate) async fn send_code(
    app: &AppState,
    client: &ClientInfo,
    purpose: Purpose,
    number: &MobileNumber,
) -> Result<SentCodeView, ApiError> {
    let test_number = app.config.codes.test_numbers.iter().find(|test| test.number == *number);
    if test_number.is_none() {
        number.check_reachable(&app.config.codes.countries).map_err(unreachable_number)?;
    }
    if test_number.is_none() && app.config.codes.delivery == OtpDelivery::Sns {
        app.switches.paused().await.check(Feature::Sms)?;
    }
    let code = test_number.map_or_else(|| Otp::generate(&mut rng()), |test| test.code.clone());
    let hash = hash(app, purpose, number, &code);
    let charged = charged_buckets(app, client, purpose, number, test_number.is_some()).await;
    match app.redis.store_code(purpose, number, &hash, &client.network(), &charged, app.clock.now()).await? {
        StoreCodeOutcome::Stored => {}
        StoreCodeOutcome::SentRecently(wait) => {
            let detail = "a code was sent recently; request another after the seconds in Retry-After";
            return Err(too_many("code_sent_recently", detail).retry_after(wait));
        }
        StoreCodeOutcome::RateLimited(wait) => {
            warn!(client.address, "limit of one-time codes reached");
            let detail = "too many codes were requested; try again after the seconds in Retry-After";
            return Err(too_many("code_limit_reached", detail).retry_after(wait));
        }
    }
    if test_number.is_none()
        && let Err(error) = deliver(app, purpose, number, &code).await
    {
        if let Err(error) = app.redis.delete_code(purpose, number, &charged).await {
            warn!(
                error = chain(&error),
                "failed to delete a code that could not be sent; it blocks the next one for a while"
            );
        }
        return Err(error);
    }
    app.metrics.emit(&MetricEvent::CodeSent);
    let is_shown = test_number.is_none() && app.config.codes.delivery == OtpDelivery::Response;
    Ok(SentCodeView {
        message: "If the number can receive one, a code is on its way",
        expires_in: LIFETIME_SECONDS,
        resend_in: RESEND_SECONDS,
        otp: is_shown.then(|| code.as_str().to_owned()),
    })
}

/// The rate limits that a code is charged to. The code of a test number is not sent, so it is not
/// charged to the limits on cost; it still allows five attempts, so it counts per number and per
/// network.
///
/// Each purpose has a limit per number of its own, so that requests for one leave the other. One
/// network gets a share of it. Networks from which the account has not signed in get a share of that
/// limit and of those that numbers have in common, together and each: the rest is for owners. Their
/// sites get a share of the day as well, since a site has many IPv6 networks.
async fn charged_buckets(
    app: &AppState,
    client: &ClientInfo,
    purpose: Purpose,
    number: &MobileNumber,
    is_test: bool,
) -> Vec<Bucket> {
    let codes = &app.config.codes;
    let mut buckets = vec![
        Bucket::new(format!("otp:{}:{number}", purpose.as_str()), codes.per_number),
        Bucket::new(format!("otp:from:{}", client.network()), codes.per_address),
        Bucket::new(
            format!("otp:{}:{number}:from:{}", purpose.as_str(), client.network()),
            share(codes.per_number, NETWORK_SHARE),
        ),
    ];
    let is_known = passwords::is_known_network(app, &client.origin(), number.as_str()).await;
    let unknown = |name: String, limit| {
        (!is_known).then(|| Bucket::new(format!("{name}:unknown"), share(limit, UNKNOWN_SHARE)))
    };
    buckets.extend(unknown(format!("otp:{}:{number}", purpose.as_str()), codes.per_number));
    if !is_test {
        let (block, day) = (format!("otp:block:{}", number.block()), "otp:total".to_owned());
        if !is_known {
            let (network, site) = (client.network(), client.site());
            let of_network = at_least(MIN_CODES_OF_NETWORK, share(codes.total, NETWORK_SHARE_OF_DAY));
            let of_site = at_least(MIN_CODES_OF_SITE, share(codes.total, SITE_SHARE_OF_DAY));
            buckets.extend([
                Bucket::new(
                    format!("{block}:from:{network}"),
                    share(codes.per_block, NETWORK_SHARE_OF_BLOCK),
                ),
                Bucket::new(format!("{day}:from:{network}"), of_network),
                Bucket::new(format!("{day}:from-site:{site}"), of_site),
            ]);
        }
        for (name, limit) in [(block, codes.per_block), (day, codes.total)] {
            buckets.extend(unknown(name.clone(), limit));
            buckets.push(Bucket::new(name, limit));
        }
    }
    buckets
}

/// `limit`, but not below `codes`: a deployment with few codes a day has few networks.
fn at_least(codes: u32, limit: Limit) -> Limit {
    Limit { max: limit.max.max(codes), ..limit }
}

/// `percent` of `limit`, at least one code.
fn share(limit: Limit, percent: u32) -> Limit {
    Limit { max: (limit.max.saturating_mul(percent) / 100).max(1), ..limit }
}

/// Sends a text message, unless the code is in the response. The message contains the code or, if
/// the code would be useless, the reason. A message is sent in every case, so that the response
/// time does not reveal whether the number has an account.
async fn deliver(
    app: &AppState,
    purpose: Purpose,
    number: &MobileNumber,
    code: &Otp,
) -> Result<(), ApiError> {
    if app.config.codes.delivery == OtpDelivery::Response {
        return Ok(());
    }
    let account = credentials::find_by_number(&app.db().await?, number).await?;
    let (has_account, is_suspended) = (account.is_some(), account.is_some_and(|found| found.is_suspended));
    let code = code.as_str();
    let text = match (purpose, has_account) {
        (Purpose::SignUp, false) => {
            format!("{code} is your code to create an account. It is valid for 5 minutes. Do not share it.")
        }
        (Purpose::SignUp, true) => {
            "Someone tried to sign up with this number, which already has an account. \
             If it was you, log in or reset your password."
                .to_owned()
        }
        (Purpose::ResetPassword, true) if is_suspended => {
            "Someone tried to reset the password of this number, whose account is suspended.".to_owned()
        }
        (Purpose::ResetPassword, true) => {
            format!("{code} is your code to reset your password. It is valid for 5 minutes. Do not share it.")
        }
        (Purpose::ResetPassword, false) => {
            "Someone tried to reset the password of this number, which has no account. \
             If it was you, sign up."
                .to_owned()
        }
    };
    match app.sms()?.send(number, &text).await {
        // The response is the same for a number with an account: a failure would be a server error for
        // bad input.
        Err(error) if number.is_unplanned() => {
            warn!(error = chain(&error), "failed to send a code to a number of no numbering plan");
            Ok(())
        }
        sent => sent.map_err(ApiError::unavailable),
    }
}

/// A new password and the code that authorises it.
pub(crate) struct PasswordWithCode<'a> {
    /// The name of the JSON field with the password, for error messages.
    pub(crate) field: &'static str,
    pub(crate) password: NewPassword,
    pub(crate) code: &'a Otp,
    /// The operation that redeems the code. An execution that takes over redeems it again.
    pub(crate) operation: Uuid,
}

/// A password whose code was right.
pub(crate) struct AuthorizedPassword {
    /// The hash of the password.
    pub(crate) hash: String,
    /// When the code was issued. A later change of the password makes the code void.
    pub(crate) code_issued_at: DateTime<Utc>,
    /// A connection to store the hash.
    pub(crate) db: Client,
}

/// Redeems the code and hashes the password.
///
/// The connection is opened before the code is redeemed, so that an outage of Postgres does not use
/// up the code. The password is hashed last, so that a wrong code costs no hash.
pub(crate) async fn redeem_for_password(
    app: &AppState,
    client: &ClientInfo,
    purpose: Purpose,
    number: &MobileNumber,
    input: PasswordWithCode<'_>,
) -> Result<AuthorizedPassword, ApiError> {
    passwords::reject_mobile_number(input.field, &input.password, number)?;
    let db = app.db().await?;
    let code_issued_at = redeem_code(app, client, purpose, number, &input).await?;
    Ok(AuthorizedPassword { hash: passwords::hash(input.password).await?, code_issued_at, db })
}

/// Uses up the code and returns when it was issued, or fails with [`invalid_code`].
async fn redeem_code(
    app: &AppState,
    client: &ClientInfo,
    purpose: Purpose,
    number: &MobileNumber,
    input: &PasswordWithCode<'_>,
) -> Result<DateTime<Utc>, ApiError> {
    let hash = hash(app, purpose, number, input.code);
    let network = client.network();
    let issued_at = app.redis.redeem_code(purpose, number, &hash, &network, input.operation).await?;
    info!(purpose = purpose.as_str(), is_correct = issued_at.is_some(), "one-time code checked");
    if issued_at.is_some() {
        app.metrics.emit(&MetricEvent::CodeVerified);
    }
    issued_at.ok_or_else(invalid_code)
}

/// The same problem for every reason, so that it does not reveal whether the number has an account.
pub(crate) fn invalid_code() -> ApiError {
    let detail = "otp: is wrong, has expired or was already used";
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_code", detail).with("errors", [detail])
}

fn unreachable_number(reason: Unreachable) -> ApiError {
    let detail = match reason {
        Unreachable::NotMobile => "must be the number of a mobile phone",
        Unreachable::NotServed => "belongs to a country that this service does not support",
    };
    ApiError::invalid(vec![format!("mobile_number: {detail}")])
}

fn too_many(code: &'static str, detail: &'static str) -> ApiError {
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, code, detail)
}

fn hash(app: &AppState, purpose: Purpose, number: &MobileNumber, code: &Otp) -> String {
    code.keyed_hash(app.config.jwt_secret.expose_secret().as_bytes(), purpose, number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_of_a_small_limit_is_not_too_small() {
        let limit = |max| Limit { max, window: std::time::Duration::from_hours(24) };
        assert_eq!(share(limit(1_000), NETWORK_SHARE_OF_DAY).max, 50);
        assert_eq!(share(limit(1), NETWORK_SHARE).max, 1);
        let of_network = |max| at_least(MIN_CODES_OF_NETWORK, share(limit(max), NETWORK_SHARE_OF_DAY)).max;
        assert_eq!([of_network(1_000), of_network(50)], [50, 10]);
    }
}
