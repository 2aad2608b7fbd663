//! Settings for one-time codes: their delivery and their limits.

use std::time::Duration;

use clients::redis::token_bucket::Limit;
use domain::MobileNumber;
use domain::otp::Otp;
use garde::Validate;

use super::Environment;
use super::env::Env;
use super::variables::{
    OTP_COUNTRIES, OTP_DELIVERY, OTP_MAX_PER_ADDRESS, OTP_MAX_PER_BLOCK, OTP_MAX_PER_DAY,
    OTP_MAX_TOTAL_PER_DAY, OTP_SENDER_ID, OTP_TEST_NUMBERS,
};

/// How one-time codes are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtpDelivery {
    /// In the response to the request. Anyone can then take over any number, so production refuses
    /// it.
    Response,
    /// By text message, through Amazon SNS.
    Sns,
}

/// A number with a fixed code that is never sent, for app reviewers who have no phone.
#[derive(Debug, Clone)]
pub struct TestNumber {
    /// The number.
    pub number: MobileNumber,
    /// Its code.
    pub code: Otp,
}

/// Settings for one-time codes. The limits bound the cost of text messages, and the attempts at
/// codes: each code allows five.
#[derive(Debug, Clone)]
pub struct CodeSettings {
    /// How codes are delivered.
    pub delivery: OtpDelivery,
    /// The sender of text messages, in countries that allow a name.
    pub sender_id: Option<String>,
    /// The limit for one number, for all purposes together.
    pub per_number: Limit,
    /// The limit for one client address.
    pub per_address: Limit,
    /// The limit for one block of ten thousand numbers. Fraudsters who are paid for each message
    /// they receive own numbers in a row.
    pub per_block: Limit,
    /// The limit for all numbers together.
    pub total: Limit,
    /// The countries whose numbers are served (ISO 3166, two letters). Empty: all.
    pub countries: Vec<String>,
    /// Numbers with fixed codes.
    pub test_numbers: Vec<TestNumber>,
}

impl CodeSettings {
    pub(super) fn read(env: &mut Env<'_>, needed: bool, environment: Environment) -> Self {
        let (hour, day) = (Duration::from_hours(1), Duration::from_hours(24));
        Self {
            delivery: delivery(env, needed, environment),
            sender_id: env.get(OTP_SENDER_ID),
            per_number: Limit { max: env.number(OTP_MAX_PER_DAY, 1), window: day },
            per_address: Limit { max: env.number(OTP_MAX_PER_ADDRESS, 1), window: hour },
            per_block: Limit { max: env.number(OTP_MAX_PER_BLOCK, 1), window: hour },
            total: Limit { max: env.number(OTP_MAX_TOTAL_PER_DAY, 1), window: day },
            countries: countries(env),
            test_numbers: test_numbers(env),
        }
    }
}

fn delivery(env: &mut Env<'_>, needed: bool, environment: Environment) -> OtpDelivery {
    let chosen = env.get(OTP_DELIVERY);
    match (chosen.as_deref(), environment) {
        (Some("sns"), _) => return OtpDelivery::Sns,
        _ if !needed => {}
        (None, Environment::Local) | (Some("response"), Environment::Local | Environment::Staging) => {}
        (None, _) => env.problem(OTP_DELIVERY, "is missing (sns; or, outside production, response)"),
        (Some("response"), Environment::Production) => env.problem(
            OTP_DELIVERY,
            "response would show every code to any caller: it is refused in production",
        ),
        (Some(_), _) => env.problem(OTP_DELIVERY, "must be sns or response"),
    }
    OtpDelivery::Response
}

fn countries(env: &mut Env<'_>) -> Vec<String> {
    let countries: Vec<String> =
        env.list(OTP_COUNTRIES).iter().map(|country| country.to_ascii_uppercase()).collect();
    if countries.iter().any(|country| country.len() != 2 || !country.bytes().all(|b| b.is_ascii_uppercase()))
    {
        env.problem(OTP_COUNTRIES, "must be countries of two letters, like DE,AT,CH");
    }
    countries
}

fn test_numbers(env: &mut Env<'_>) -> Vec<TestNumber> {
    let parse = |text: &String| {
        let (number, code) = text.split_once(':')?;
        let (number, code) = (MobileNumber::from(number), Otp::from(code));
        (number.validate().is_ok() && code.validate().is_ok()).then_some(TestNumber { number, code })
    };
    let numbers: Option<Vec<TestNumber>> = env.list(OTP_TEST_NUMBERS).iter().map(parse).collect();
    numbers.unwrap_or_else(|| {
        env.problem(OTP_TEST_NUMBERS, "must be numbers with a code each, like +12025550100:123456");
        Vec::new()
    })
}
